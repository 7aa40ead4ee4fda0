import { z } from 'zod';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { agentKey, agentsKey } from '../store/keys.js';
import { register, type Registration } from './registration.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const key = agentKey('agent-1');
const agent: Registration = {
  agentId: 'agent-1',
  instance: 'i1',
  boot: 2,
  host: 'h1',
  leaseMs: 60_000,
  fields: { pid: 7, queues: 'default' },
};
const call = (more: Partial<Registration> = {}) => register(bench.redis, { ...agent, ...more });

const registered = {
  instance: 'i1',
  boot: '2',
  session: 'i1.2',
  host: 'h1',
  leaseMs: '60000',
  lastSeen: 'now',
  pid: '7',
  queues: 'default',
} as const;
const held = (more: HashState = {}): RedisState => ({
  [key]: { ...registered, lastSeen: 'now-1000', ...more },
});
const holderOf = (state: RedisState) => hashSchema.parse(state[key]);
const hashSchema = z.record(z.string(), z.string());
/** The set of all agents, besides the registration. */
const listed = { [agentsKey]: { set: ['agent-1'] } };
const ok = { word: 'ok', now: expect.any(Number) as number, draining: false };

test('takes a name that is free, for an hour or twice the lease', async () => {
  await bench.seed({});
  expect(await call()).toEqual(ok);
  expect(await bench.state()).toEqual({ [key]: registered, ...listed });
  expect(await bench.redis.pttl(key)).toBeGreaterThan(3_590_000);
  await call({ leaseMs: 7_200_000 });
  expect(await bench.redis.pttl(key)).toBeGreaterThan(14_390_000);
  expect(await bench.events()).toEqual([]);
});

test('the answer says of a session that it was asked to drain, and not of the next one', async () => {
  await bench.seed(held({ draining: 'i1.2' }));
  expect(await call()).toEqual({ ...ok, draining: true });
  expect(await call({ boot: 3 })).toEqual(ok);
});

test.each<[string, RedisState, Partial<Registration>]>([
  ['the heartbeat of the same session', held(), {}],
  ['the same instance, whose host is unknown', held({ host: '' }), {}],
  ['a later boot of the same instance', held({ boot: '1', session: 'i1.1' }), {}],
  ['a boot that is later as a number, not as text', held({ boot: '9', session: 'i1.9' }), { boot: 10 }],
  [
    'another instance, when the holder was silent for its lease',
    held({ instance: 'i2', lastSeen: 'now-60000' }),
    {},
  ],
  ['the same instance on another host, after that time', held({ host: 'h2', lastSeen: 'now-60000' }), {}],
  [
    'another instance, when the holder’s clock was set back',
    held({ instance: 'i2', lastSeen: 'now+60000' }),
    {},
  ],
  ['any agent, when the key is of a foreign kind', { [key]: 'x' }, {}],
  ['any agent, when the key names none', { [key]: { pid: '7' } }, {}],
  [
    'any agent, when the numbers of the holder are corrupted',
    held({ instance: 'i2', lastSeen: 'x', leaseMs: 'y', boot: 'z' }),
    {},
  ],
  ['its instance, when its boot is corrupted', held({ boot: 'z' }), {}],
])('%s has the name', async (_, state, more) => {
  await bench.seed(state);
  expect(await call(more)).toEqual(ok);
  const boot = String(more.boot ?? 2);
  expect(await bench.state()).toEqual({ [key]: { ...registered, boot, session: `i1.${boot}` }, ...listed });
});

test.each<[string, RedisState, object]>([
  ['another instance', held({ instance: 'i2' }), { instance: 'i2', host: 'h1', pid: '7' }],
  [
    'another instance with a later boot',
    held({ instance: 'i2', boot: '9' }),
    { instance: 'i2', host: 'h1', pid: '7' },
  ],
  [
    'a copy of its directory on another host',
    held({ host: 'h2', boot: '1' }),
    { instance: 'i1', host: 'h2', pid: '7' },
  ],
  [
    'an instance that named neither host nor pid',
    { [key]: { instance: 'i2', lastSeen: 'now-1000', leaseMs: '60000' } },
    { instance: 'i2', host: '', pid: '' },
  ],
])('a refusal names the holder of the name: %s', async (_, state, holder) => {
  const since = await bench.seed(state);
  const reply = await call();
  expect(reply).toEqual({
    word: 'taken',
    holder: {
      ...holder,
      session: holderOf(state).session ?? '',
      lastSeen: since - 1000,
      leaseLeftMs: expect.any(Number) as number,
    },
  });
  const left = reply.word === 'taken' ? reply.holder.leaseLeftMs : 0;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(59_000);
  // The registration shows that two agents want its name.
  expect(await bench.state()).toEqual({
    [key]: { ...holderOf(state), refusedAt: 'now', refusedHost: 'h1', refusedPid: '7' },
  });
});

describe('sessions with a random part', () => {
  const [first, second, copy] = ['a', 'b', 'c'].map((letter) => `i1.2.r${letter.repeat(16)}`) as [
    string,
    string,
    string,
  ];
  const later = second.replace('i1.2.', 'i1.3.');

  test.each<[string, HashState, Partial<Registration>]>([
    ['its own heartbeat', { session: first }, { session: first }],
    ['its own heartbeat, from another host name', { session: first, host: 'h2' }, { session: first }],
    [
      'the next run, which proves that one dead',
      { session: first },
      { session: second, earlier: [copy, first] },
    ],
    [
      'the first run after an upgrade, a lease later',
      { session: 'i1.2', lastSeen: 'now-60000' },
      { session: second },
    ],
    ['a copy, a lease later', { session: first, lastSeen: 'now-60000' }, { session: copy }],
  ])('%s has the name', async (_, state, more) => {
    await bench.seed(held(state));
    expect(await call(more)).toEqual(ok);
    expect(holderOf(await bench.state()).session).toBe(more.session);
  });

  test.each<[string, HashState, Partial<Registration>]>([
    ['a copy of its directory on the same host', { session: first }, { session: copy }],
    ['a later run that does not prove it dead', { session: first }, { session: later, boot: 3 }],
    [
      'a later run that proves another one dead',
      { session: first },
      { session: later, boot: 3, earlier: [copy] },
    ],
    ['a guess of the next boot of an earlier version', { session: first }, { session: 'i1.3', boot: 3 }],
    ['the first run after an upgrade, within its lease', { session: 'i1.2' }, { session: second }],
    ['another process of one session, as before random parts', {}, { fields: { ...agent.fields, pid: 8 } }],
  ])('%s is refused', async (_, state, more) => {
    await bench.seed(held(state));
    expect(await call(more)).toMatchObject({ word: 'taken' });
    expect(holderOf(await bench.state()).session).toBe(state.session ?? 'i1.2');
  });

  test('an older run is refused for ever, also when it names the newer one as dead', async () => {
    await bench.seed(held({ session: later, boot: '3', lastSeen: 'now-60000' }));
    expect(await call({ session: first })).toEqual({ word: 'old-session' });
    expect(await call({ session: first, earlier: [later] })).toEqual({ word: 'old-session' });
  });
});

test('a refusal is forgotten once that agent is given the name', async () => {
  await bench.seed(
    held({ instance: 'i2', lastSeen: 'now-60000', refusedAt: '1', refusedHost: 'h1', refusedPid: '7' }),
  );
  expect(await call()).toEqual(ok);
  expect(await bench.state()).toEqual({ [key]: registered, ...listed });
});

test.each<[string, RedisState]>([
  ['was', held({ boot: '3', session: 'i1.3' })],
  ['was, however long ago', held({ boot: '3', session: 'i1.3', lastSeen: 'now-600000' })],
])('a request of an older boot is refused when a later one %s registered', async (_, state) => {
  await bench.seed(state);
  expect(await call()).toEqual({ word: 'old-session' });
  expect(await bench.state()).toEqual(state);
});

test('the same call sent twice only moves lastSeen', async () => {
  await bench.seed({});
  await call();
  expect(await call()).toEqual(ok);
  expect(await bench.state()).toEqual({ [key]: registered, ...listed });
});

test.each([
  ['of types that are named and not announced anew', 'i1.2 A@1,B@1', 'i1.2 C@1', 'A,B,C', 'i1.2 A@1,B@1,C@1'],
  ['but of none that is announced anew', 'i1.2 A@1,B@1', 'i1.2 A@2', 'A,B', 'i1.2 B@1,A@2'],
  ['but of none that is not named any more', 'i1.2 A@1,AB@1', 'i1.2 C@1', 'AB,C', 'i1.2 AB@1,C@1'],
  ['but not of another session', 'i1.1 A@1', 'i1.2 B@1', 'A,B', 'i1.2 B@1'],
  ['and of nothing that another program wrote there', 'x', 'i1.2 B@1', 'A,B', 'i1.2 B@1'],
])('keeps the versions that it said before: %s', async (_, before, announced, types, kept) => {
  await bench.seed(held({ announced: before }));
  const more = { fields: { ...agent.fields, types, announced } };
  await call(more);
  expect(holderOf(await bench.state()).announced).toBe(kept);
  await call(more);
  expect(holderOf(await bench.state()).announced).toBe(kept);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed({});
  expect(await bench.whenFull(() => call())).toEqual(ok);
  expect(await bench.state()).toEqual({ [key]: registered });
});
