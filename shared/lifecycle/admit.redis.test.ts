import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { admit, newestSession } from './registration.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const call = (session: string, seen: string) => admit(bench.redis, bench.keys, 'agent-1', session, seen);
const newest = (session: string, replaced: readonly string[] = []): RedisState => ({
  'session:agent-1': session,
  ...(replaced.length === 0 ? {} : { 'replaced:agent-1': { list: replaced } }),
});

test.each([
  ['the first of its agent', {}, 'i1.1', '', []],
  ['a later boot', newest('i1.9'), 'i1.10', 'i1.9', []],
  ['another instance, whatever its boot', newest('i1.9'), 'i2.1', 'i1.9', ['i1.9']],
  ['the newest again', newest('i1.1'), 'i1.1', 'i1.1', []],
  ['the newest, whose first answer was lost', newest('i1.1'), 'i1.1', '', []],
  ['one that is not <instance>.<boot>', newest('x'), 'y', 'x', ['x']],
  ['one after something that is not <instance>.<boot>', newest('x'), 'i1.1', 'x', ['x']],
  ['a later boot with a random part', newest('i1.9.raaaa'), 'i1.10.rbbbb', 'i1.9.raaaa', []],
  ['the first with a random part', newest('i1.9'), 'i1.10.rbbbb', 'i1.9', []],
  ['a copy of the same boot', newest('i1.9.raaaa'), 'i1.9.rbbbb', 'i1.9.raaaa', ['i1.9.raaaa']],
  ['an instance with a dot in its name', newest('i.1.2'), 'i.1.3', 'i.1.2', []],
  ['a third after two that were replaced', newest('y', ['x']), 'z', 'y', ['y', 'x']],
  ['the next boot of one that was replaced', newest('y', ['i1.1']), 'i1.2', 'y', ['y', 'i1.1']],
])('admits %s', async (_, state, session, seen, replaced) => {
  await bench.seed(state);
  expect(await call(session, seen)).toBe('ok');
  expect(await bench.state()).toEqual(newest(session, replaced));
  expect(await call(session, seen)).toBe('ok');
  expect(await bench.state()).toEqual(newest(session, replaced));
  expect(await bench.events()).toEqual([]);
});

test.each([
  ['a later boot was admitted after it looked', newest('i1.2'), 'i1.1', ''],
  ['another instance was admitted after it looked', newest('i2.1'), 'i1.2', 'i1.1'],
  ['what it saw is gone', {}, 'i1.2', 'i1.1'],
  ['it is older than what it saw', newest('i1.10'), 'i1.9', 'i1.10'],
  ['it is older, with a random part', newest('i1.10.raaaa'), 'i1.9.rbbbb', 'i1.10.raaaa'],
  ['a copy of its boot replaced it', newest('i1.9.rbbbb', ['i1.9.raaaa']), 'i1.9.raaaa', 'i1.9.rbbbb'],
  ['it was replaced, and looks again', newest('y', ['x']), 'x', 'y'],
])('refuses a session when %s', async (_, state, session, seen) => {
  await bench.seed(state);
  expect(await call(session, seen)).toBe('old-session');
  expect(await bench.state()).toEqual(state);
  expect(await call(session, seen)).toBe('old-session');
});

test('a key of a foreign kind counts as unset', async () => {
  await bench.seed({ 'session:agent-1': { list: ['x'] } });
  expect(await call('i1.1', 'i1.0')).toBe('old-session');
  expect(await call('i1.1', '')).toBe('ok');
  expect(await bench.state()).toEqual(newest('i1.1'));
});

test('remembers the last hundred that were replaced, for a day', async () => {
  await bench.seed(newest('s0'));
  for (let i = 1; i <= 150; i++) expect(await call(`s${i}`, `s${i - 1}`)).toBe('ok');
  expect(await bench.redis.llen(bench.keys.replaced('agent-1'))).toBe(100);
  expect(await bench.redis.pttl(bench.keys.replaced('agent-1'))).toBeGreaterThan(23 * 3600 * 1000);
});

test('a key of a foreign kind in the place of its memory keeps no agent out', async () => {
  await bench.seed({ ...newest('x'), 'replaced:agent-1': 'nonsense' });
  expect(await call('y', 'x')).toBe('ok');
  expect(await bench.state()).toEqual({ ...newest('y'), 'replaced:agent-1': 'nonsense' });
});

test('an agent that registers anew looks first, and is admitted by what it saw', async () => {
  await bench.seed({});
  expect(await newestSession(bench.redis, bench.keys, 'agent-1')).toBe('');
  await call('i1.1', '');
  expect(await newestSession(bench.redis, bench.keys, 'agent-1')).toBe('i1.1');
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed({});
  expect(await bench.whenFull(() => call('i1.1', ''))).toBe('ok');
});
