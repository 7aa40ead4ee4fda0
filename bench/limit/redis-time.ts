import { type Redis } from 'ioredis';
import { type CommandUses, usedDuring } from '../command-stats.js';

/** Where Redis's time went while commands went through their whole life. Microseconds per command. */
export interface RedisTime {
  /** In each command, called by a client or by a script: the time that remains when all else costs nothing. */
  readonly commands: ReadonlyMap<string, { readonly callsPerCycle: number; readonly usecPerCycle: number }>;
  /** Their sum. */
  readonly innerUsec: number;
  /** In scripts, with all that they called. */
  readonly scriptUsec: number;
  /** The time of Redis's main thread, all of it: commands, scripts, sockets, the append-only file. */
  readonly cpuUsec: number;
}

const scripts: ReadonlySet<string> = new Set([
  'eval',
  'evalsha',
  'evalsha_ro',
  'eval_ro',
  'fcall',
  'fcall_ro',
]);
/** The commands that this benchmark itself calls while it counts. */
const own: ReadonlySet<string> = new Set(['info']);

/** @param cycles how many commands complete during `work` */
export async function redisTimeDuring(
  redis: Redis,
  cycles: number,
  work: () => Promise<void>,
): Promise<RedisTime> {
  const cpuBefore = await mainThreadUsec(redis);
  const uses = await usedDuring(redis, work);
  const cpuUsec = ((await mainThreadUsec(redis)) - cpuBefore) / cycles;
  return { ...timeOf(uses, cycles), cpuUsec };
}

/** The commands by themselves, and the scripts, whose time has that of their commands in it. */
export function timeOf(uses: CommandUses, cycles: number): Omit<RedisTime, 'cpuUsec'> {
  const inner = [...uses].filter(([name]) => !scripts.has(name) && !own.has(name));
  const inScripts = [...uses].filter(([name]) => scripts.has(name));
  const sum = (of: typeof inner) => of.reduce((total, [, { usec }]) => total + usec, 0) / cycles;
  const innerUsec = sum(inner);
  return {
    commands: new Map(
      inner.map(([name, { calls, usec }]) => [
        name,
        { callsPerCycle: calls / cycles, usecPerCycle: usec / cycles },
      ]),
    ),
    innerUsec,
    scriptUsec: sum(inScripts),
  };
}

async function mainThreadUsec(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = (name: string) => {
    const found = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1];
    if (found === undefined) throw new Error(`INFO cpu has no ${name}`);
    return Number(found);
  };
  return 1e6 * (seconds('used_cpu_user_main_thread') + seconds('used_cpu_sys_main_thread'));
}
