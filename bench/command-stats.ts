import { type Redis } from 'ioredis';

/** The counters that Redis keeps of each command, in `INFO commandstats`: one inside a script counts as any other. */
export interface CommandUse {
  readonly calls: number;
  /** Microseconds spent in the command; of a script, with all that it called. */
  readonly usec: number;
}

/** By name: `hset`, `xgroup|create`. */
export type CommandUses = ReadonlyMap<string, CommandUse>;

/** Returns what all clients together used while `work` was done. */
export async function usedDuring(redis: Redis, work: () => Promise<void>): Promise<CommandUses> {
  const before = await readUses(redis);
  await work();
  const after = await readUses(redis);
  return new Map(
    [...after]
      .map(([name, use]) => [name, since(use, before.get(name))] as const)
      .filter(([, { calls }]) => calls > 0),
  );
}

const since = ({ calls, usec }: CommandUse, before: CommandUse | undefined): CommandUse => ({
  calls: calls - (before?.calls ?? 0),
  usec: usec - (before?.usec ?? 0),
});

async function readUses(redis: Redis): Promise<CommandUses> {
  const info = await redis.info('commandstats');
  const lines = info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm);
  return new Map(
    Array.from(lines, ([, name = '', calls, usec]) => [name, { calls: Number(calls), usec: Number(usec) }]),
  );
}
