import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { agentKey } from '../store/keys.js';
import { leave } from './registration.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const key = agentKey('agent-1');
const call = () => leave(bench.redis, 'agent-1', 'i1', 2);
const held = (instance: string, boot: string): RedisState => ({
  [key]: { instance, boot, lastSeen: 'now-1000' },
});

test('gives the name back, once', async () => {
  await bench.seed({ ...held('i1', '2'), 'session:agent-1': 'i1.2' });
  expect(await call()).toBe('left');
  // The session key stays, so that a call of this session that arrives late can still be recognized.
  expect(await bench.state()).toEqual({ 'session:agent-1': 'i1.2' });
  expect(await call()).toBe('moot');
  expect(await bench.state()).toEqual({ 'session:agent-1': 'i1.2' });
  expect(await bench.events()).toEqual([]);
});

test.each<[string, RedisState]>([
  ['no agent has it', {}],
  ['a later boot has it', held('i1', '3')],
  ['another instance has it', held('i2', '2')],
  ['the key is of a foreign kind', { [key]: 'x' }],
])('does nothing when %s', async (_, state) => {
  await bench.seed(state);
  expect(await call()).toBe('moot');
  expect(await bench.state()).toEqual(state);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(held('i1', '2'));
  expect(await bench.whenFull(() => call())).toBe('left');
});
