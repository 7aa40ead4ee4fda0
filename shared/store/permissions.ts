import { type Redis } from 'ioredis';
import { z } from 'zod';
import { agentKey, agentsKey, group, metaKey, partitionKeys, type PartitionKeys, typesKey } from './keys.js';

/** The role of a Redis user. A server does all that an agent does, since agents over HTTP work through it. */
export type RedisRole = 'server' | 'agent';

/** A command as Redis is to be asked about it: its name and arguments, on a key or channel of each kind. */
export type Call = readonly [command: string, ...args: string[]];

/** A call without which Fencepost works, but not as well. */
interface Wish {
  readonly call: Call;
  /** The effect when the call is not allowed: a clause that reads on from a colon. */
  readonly without: string;
}

export interface Permissions {
  /** The calls that this user may not make although Fencepost needs them. */
  readonly missing: readonly Call[];
  /** For people: what does not work, or not as well, because this user may not make a call. */
  readonly limits: readonly string[];
}

/** Stands for any id, name and queue: no command, agent or queue is called this. */
const any = '~any';

const callsOn = (key: string, ...calls: readonly string[]): Call[] =>
  calls.map((call) => {
    const [command = '', ...args] = call.split(' ');
    return [command, ...args.map((arg) => (arg === 'KEY' ? key : arg))];
  });

/** Every command that Fencepost sends, also from its scripts, on every kind of key. Nothing here is executed. */
export function calls(role: RedisRole, database: number): Call[] {
  const keys = partitionKeys(undefined, database);
  const ofAgent: Call[] = [
    ['TIME'],
    ...callsOn(keys.root, 'EVAL x 1 KEY', 'EVALSHA x 1 KEY'),
    ...streamCalls(keys),
    ...commandCalls(keys),
    ...partitionCalls(keys),
    ...registrationCalls,
    ...callsOn(metaKey, 'HMGET KEY x', 'HSETNX KEY x x'),
  ];
  if (role === 'agent') return ofAgent;
  return [
    ...ofAgent,
    ['PING'],
    ...callsOn(keys.root, 'EVAL_RO x 1 KEY'),
    ...serverStreamCalls(keys),
    ...serverCommandCalls(keys),
    ...serverIndexCalls(keys),
    ...callsOn(agentKey(any), 'EXISTS KEY', 'HGETALL KEY'),
    ...callsOn(agentsKey, 'SMEMBERS KEY', 'SREM KEY x'),
    ...callsOn(typesKey, 'HGETALL KEY'),
  ];
}

const streamCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(
    keys.stream(any),
    'TYPE KEY',
    'XADD KEY * id x',
    `XACK KEY ${group} 0-1`,
    'XDEL KEY 0-1',
    'XLEN KEY',
    'XRANGE KEY - +',
  ),
  ...callsOn(keys.stream(any), 'EXISTS KEY', 'PEXPIRE KEY 1', 'PERSIST KEY', 'DEL KEY'),
  ...callsOn(
    keys.stream(any),
    `XPENDING KEY ${group}`,
    `XCLAIM KEY ${group} x 0 0-1 JUSTID`,
    `XAUTOCLAIM KEY ${group} x 0 0-0`,
  ),
  ...callsOn(
    keys.stream(any),
    `XGROUP CREATE KEY ${group} 0 MKSTREAM`,
    `XREADGROUP GROUP ${group} x STREAMS KEY >`,
  ),
  ...callsOn(keys.dead, 'XADD KEY * x x'),
  ...callsOn(keys.lanes(any), 'TYPE KEY', 'GET KEY', 'MGET KEY', 'SET KEY x', 'DEL KEY'),
];

const commandCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(keys.command(any), 'TYPE KEY', 'HGET KEY x', 'HMGET KEY x', 'HSET KEY x x', 'HDEL KEY x'),
  ...callsOn(keys.marker(any), 'GET KEY', 'MGET KEY', 'SET KEY x', 'MSETNX KEY x', 'DEL KEY'),
  ...callsOn(keys.history(any), 'LPUSH KEY x', 'LTRIM KEY 0 1', 'LRANGE KEY 0 1'),
  ...callsOn(keys.session(any), 'GET KEY', 'MGET KEY', 'SET KEY x', 'PTTL KEY', 'PEXPIRE KEY 1'),
  ...callsOn(keys.replaced(any), 'LPOS KEY x', 'LPUSH KEY x', 'LTRIM KEY 0 1', 'PEXPIRE KEY 1'),
];

const partitionCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(keys.scheduled, 'TYPE KEY', 'ZADD KEY 1 x', 'ZREM KEY x'),
  ...callsOn(keys.expiring, 'TYPE KEY', 'ZADD KEY 1 x', 'ZREM KEY x'),
  ...callsOn(keys.queues, 'TYPE KEY', 'SMEMBERS KEY', 'SISMEMBER KEY x', 'SADD KEY x', 'SREM KEY x'),
  ...callsOn(keys.paused, 'HMGET KEY x'),
  ...callsOn(keys.index, 'ZSCORE KEY x'),
  ...callsOn(keys.failedIndex, 'ZADD KEY 1 x'),
  ...callsOn(keys.counts, 'HMGET KEY x', 'HSET KEY x x'),
  ...callsOn(keys.recovery, 'HMGET KEY x', 'HSET KEY x x', 'DEL KEY'),
];

const registrationCalls: readonly Call[] = [
  ...callsOn(
    agentKey(any),
    'TYPE KEY',
    'HGET KEY x',
    'HMGET KEY x',
    'HSET KEY x x',
    'HDEL KEY x',
    'DEL KEY',
    'PEXPIRE KEY 1',
  ),
  ...callsOn(agentsKey, 'SADD KEY x'),
  ...callsOn(typesKey, 'HLEN KEY', 'HKEYS KEY', 'HSTRLEN KEY x', 'HGET KEY x', 'HSET KEY x x', 'HDEL KEY x'),
];

const serverStreamCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(
    keys.stream(any),
    'XINFO GROUPS KEY',
    `XINFO CONSUMERS KEY ${group}`,
    `XGROUP DELCONSUMER KEY ${group} x`,
    'XREVRANGE KEY + -',
  ),
  ...callsOn(keys.lanes(any), 'EXISTS KEY'),
  ...callsOn(keys.dead, 'XLEN KEY'),
  ...callsOn(keys.queues, 'SCARD KEY'),
  ...callsOn(keys.queueCommands, 'HGET KEY x', 'HINCRBY KEY x 1', 'HDEL KEY x', 'HKEYS KEY', 'DEL KEY'),
  ...callsOn(
    keys.paused,
    'TYPE KEY',
    'HEXISTS KEY x',
    'HGET KEY x',
    'HSET KEY x x',
    'HDEL KEY x',
    'DEL KEY',
    'HKEYS KEY',
    'HGETALL KEY',
  ),
];

const serverCommandCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(keys.command(any), 'EXISTS KEY'),
  ...callsOn(keys.command(any), 'HGETALL KEY', 'DEL KEY'),
  ...callsOn(keys.history(any), 'DEL KEY'),
];

const serverIndexCalls = (keys: PartitionKeys): Call[] => [
  ...callsOn(
    keys.scheduled,
    'ZREVRANGEBYSCORE KEY 1 0',
    'ZSCORE KEY x',
    'ZCARD KEY',
    'ZRANGE KEY 0 1',
    'ZRANGEBYSCORE KEY 0 1',
  ),
  ...callsOn(keys.expiring, 'ZRANGEBYSCORE KEY 0 1'),
  ...callsOn(
    keys.index,
    'TYPE KEY',
    'EXISTS KEY',
    'ZADD KEY 1 x',
    'ZREM KEY x',
    'ZRANGE KEY 0 1',
    'ZREVRANGE KEY 0 1',
    'ZREVRANGEBYSCORE KEY 1 0',
  ),
  ...callsOn(keys.failedIndex, 'ZREM KEY x', 'ZREVRANGEBYSCORE KEY 1 0'),
  ...callsOn(keys.counts, 'HGET KEY x', 'HGETALL KEY'),
  ...callsOn(keys.retention, 'HGET KEY x', 'HMGET KEY x', 'HSET KEY x x'),
];

function wishes(role: RedisRole, database: number): Wish[] {
  const keys = partitionKeys(undefined, database);
  const published = {
    call: ['PUBLISH', keys.events, 'x'],
    without: 'GET /events and ?wait= learn of no change: they are slow, or silent',
  } as const;
  const moved = {
    call: ['PUBLISH', keys.movedToLanes, 'x'],
    without: 'a command of a type that not every agent knows starts up to 2 s later',
  } as const;
  if (role === 'agent') {
    return [
      published,
      moved,
      {
        call: ['SUBSCRIBE', keys.movedToLanes],
        without: 'this agent finds a command that waits for its types up to 2 s later',
      },
      {
        call: ['SUBSCRIBE', keys.cancels(any)],
        without: 'an agent learns of a cancel with its next renewal only',
      },
    ];
  }
  return [
    published,
    moved,
    {
      call: ['PUBLISH', keys.cancels(any), 'x'],
      without: 'agents learn of a cancel with their next renewal only',
    },
    {
      call: ['SUBSCRIBE', keys.events],
      without: 'GET /events sends nothing but resync, and ?wait= looks once a second',
    },
    { call: ['INFO'], without: 'it is unknown whether Redis keeps what it acknowledges' },
  ];
}

/**
 * Asks Redis what its present user may do, in one call that executes nothing and changes nothing. The
 * start of every process and doctor ask this.
 *
 * @throws what ioredis throws when Redis is away
 */
export async function readPermissions(redis: Redis, role: RedisRole): Promise<Permissions> {
  const database = redis.options.db ?? 0;
  const needed = calls(role, database);
  const wished = wishes(role, database);
  const refused = await readRefused(redis, [...needed, ...wished.map(({ call }) => call)]);
  return {
    missing: needed.filter((call) => refused.has(call)),
    limits: wished
      .filter(({ call }) => refused.has(call))
      .map(({ call, without }) => `this Redis user may not ${call.slice(0, 2).join(' ')}: ${without}`),
  };
}

/** Where a script may not be sent, nothing else can be asked, and nothing works. */
async function readRefused(redis: Redis, calls: readonly Call[]): Promise<ReadonlySet<Call>> {
  try {
    const numbers = z.array(z.number()).parse(await redis.eval(refusedScript, 0, JSON.stringify(calls)));
    const refused = new Set(numbers);
    return new Set(calls.filter((_, i) => refused.has(i + 1)));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOPERM'))) throw error;
    return new Set(calls.filter(([command]) => command === 'EVAL'));
  }
}

/** A command that this Redis does not know, or a Redis that cannot be asked (it is no 7.0), refuses nothing here. */
const refusedScript = `local refused = {}
for i, call in ipairs(cjson.decode(ARGV[1])) do
  local known, allowed = pcall(redis.acl_check_cmd, unpack(call))
  if known and not allowed then refused[#refused + 1] = i end
end
return refused`;

/** The grant that makes all of it work, for an operator to type. docs/how-to/configure-redis.md has it, too. */
export const grant = 'ACL SETUSER <user> ~fencepost:* &fencepost:* +@all -@dangerous +info +config|get';

/** Names what is missing, for people: `XADD on fencepost:{0}:commands:…`. */
export function describeMissing(missing: readonly Call[]): string {
  const named = missing.slice(0, 5).map(nameOf);
  const rest = missing.length - named.length;
  return `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function nameOf([command, ...args]: Call): string {
  const key = args.find((arg) => arg.startsWith('fencepost:'));
  return key === undefined ? command : `${command} on ${key.replace(any, '…')}`;
}
