import { agentKey } from '../store/keys.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { drain } from './registration.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const key = agentKey('agent-1');
const registered = { instance: 'i1', boot: '2', session: 'i1.2' };

test('marks the session that is registered, and says which; again changes nothing', async () => {
  await bench.seed({ [key]: registered });
  for (let i = 0; i < 2; i++) {
    expect(await drain(bench.redis, 'agent-1')).toBe('i1.2');
    expect(await bench.state()).toEqual({ [key]: { ...registered, draining: 'i1.2' } });
  }
  expect(await bench.events()).toEqual([]);
});

test.each([
  ['no agent has the name', {}],
  ['the key is of a foreign kind', { [key]: 'nonsense' }],
])('does nothing when %s', async (_, state) => {
  await bench.seed(state);
  expect(await drain(bench.redis, 'agent-1')).toBeUndefined();
  expect(await bench.state()).toEqual(state);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed({ [key]: registered });
  expect(await bench.whenFull(() => drain(bench.redis, 'agent-1'))).toBe('i1.2');
});
