import { type Redis } from 'ioredis';
import { pauseQueue } from '../../shared/lifecycle/queue-pause.js';
import { register } from '../../shared/lifecycle/registration.js';
import { start, submit } from '../../shared/lifecycle/transitions.js';
import { type WaitingReason } from '../../shared/protocol/commands.js';
import { CommandReader } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey, partitionKeys } from '../../shared/store/keys.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { WaitingReasons } from './waiting-reasons.js';

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let reasons: WaitingReasons;
let calls: number;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
beforeEach(async () => {
  await client.flushall();
  calls = 0;
  const link = {
    call: <T>(work: (one: Redis) => Promise<T>) => {
      calls++;
      return work(client);
    },
  };
  reasons = new WaitingReasons({ link, keys, freshMs: 0 });
});
afterAll(() => redis.stop());

const id = '00000000-0000-7000-8000-000000000001';
const soon = () => Date.now() + 60_000;

const make = (more: Parameters<typeof newCommand>[1] = {}, one = id) =>
  submit(client, keys, [newCommand(one, { queue: 'mail', ...more })], { notAfter: soon(), maxBacklog: 100 });
const pauseMail = () => pauseQueue(client, keys, { queue: 'mail', notAfter: soon() });

async function serve(fields: Record<string, string> = {}, agentId = 'agent-1'): Promise<void> {
  const more = { queues: 'urgent,mail', types: 'DELAY', ...fields };
  await register(client, { agentId, instance: agentId, boot: 1, host: 'h', leaseMs: 15_000, fields: more });
}

async function reasonNow(): Promise<WaitingReason | null | undefined> {
  const reader = new CommandReader(client, keys);
  const [one] = await reasons.explain([await reader.read(id)].flatMap((command) => command ?? []));
  const summaries = await reader.summaries([id]);
  const [listed] = await reasons.explain(summaries.flatMap((command) => command ?? []));
  expect(listed?.waitingFor).toBe(one?.waitingFor);
  return one?.waitingFor;
}

const ask = (types: string[], agentId = 'agent-1') =>
  start(client, keys, { agentId, session: '', limit: 1, queues: ['mail'], types, inFlight: [] });

test('an agent, while none that is live serves its queue', async () => {
  await make();
  expect(await reasonNow()).toBe('agent');
  await serve({ queues: 'other' });
  expect(await reasonNow()).toBe('agent');
  await serve();
  expect(await reasonNow()).toBeNull();
});

test.each<[string, () => Promise<unknown>]>([
  ['has sent nothing for its lease', () => client.hset(agentKey('agent-1'), 'lastSeen', 1000)],
  ['is to take no more commands', () => client.hset(agentKey('agent-1'), 'draining', 'agent-1.1')],
  ['left', () => client.del(agentKey('agent-1'))],
  ['has a corrupted lease', () => client.hset(agentKey('agent-1'), 'leaseMs', 'x')],
  ['has a registration that is another type of key', () => client.set(agentKey('agent-1'), 'x')],
])('an agent, when the one that served its queue %s', async (_, change) => {
  await make();
  await serve();
  await change();
  expect(await reasonNow()).toBe('agent');
});

test('an agent that knows its type, while there are only others', async () => {
  await make();
  await serve({ types: 'MAIL,RESIZE' });
  expect(await reasonNow()).toBe('capable-agent');
  await serve({ types: 'MAIL,DELAY' }, 'agent-2');
  expect(await reasonNow()).toBeNull();
});

test('its turn, where an agent takes every type, and where one polls for the default queue', async () => {
  await make();
  await serve({ types: '' });
  expect(await reasonNow()).toBeNull();
  await client.flushall();
  await make({ queue: 'default' });
  await serve({ queues: '', types: '' });
  expect(await reasonNow()).toBeNull();
});

test('its time, and then its turn', async () => {
  await make({ start: { inMs: 60_000 } });
  await pauseMail();
  expect(await reasonNow()).toBe('schedule');
  await client.hset(keys.command(id), 'runAt', Date.now() - 1000);
  expect(await reasonNow()).toBe('queue-paused');
});

test('that its queue is resumed, whether or not an agent serves it', async () => {
  await make();
  await pauseMail();
  expect(await reasonNow()).toBe('queue-paused');
  await serve();
  expect(await reasonNow()).toBe('queue-paused');
  await client.del(keys.paused);
  expect(await reasonNow()).toBeNull();
});

test('an agent that knows its type, and then its turn, also after one met it that did not', async () => {
  await make();
  await serve({ types: 'MAIL' });
  await ask(['MAIL']);
  expect(await client.hgetall(keys.command(id))).toMatchObject({ waitingFor: 'DELAY', queue: 'mail/DELAY' });
  expect(await reasonNow()).toBe('capable-agent');
  await serve({ types: 'DELAY' }, 'agent-2');
  expect(await reasonNow()).toBeNull();
});

test('nothing, once it is started or has ended', async () => {
  await make({ start: { at: 1 } });
  await ask([]);
  await client.hset(keys.command(id), 'waitingFor', 'DELAY');
  expect(await reasonNow()).toBeNull();
  await client.hset(keys.command(id), 'status', 'FAILED');
  expect(await reasonNow()).toBeNull();
  expect(calls).toBe(0);
});

test('keys of other types in the way hide no command', async () => {
  await make();
  await client.set(keys.paused, 'x');
  await client.set(agentsKey, 'x');
  expect(await reasonNow()).toBe('agent');
});

test('many clients that ask at once, or soon after, share what is known of the agents', async () => {
  let reads = 0;
  const link = {
    call: <T>(work: (one: Redis) => Promise<T>) => {
      reads += work.name === 'readServing' ? 1 : 0;
      return work(client);
    },
  };
  const shared = new WaitingReasons({ link, keys, freshMs: 60_000 });
  await make();
  const commands = (await new CommandReader(client, keys).summaries([id])).flatMap((one) => one ?? []);
  await Promise.all(Array.from({ length: 50 }, () => shared.explain(commands)));
  await shared.explain(commands);
  expect(reads).toBe(1);
});
