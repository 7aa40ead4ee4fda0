import { marker, onePending, oneRunning, running, session, without } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { reportProgress, type ProgressUpdate } from './progress.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const half: ProgressUpdate = { id: 'a', attempt: 1, sequence: 2, progress: '0.5' };
const tell = (told: ProgressUpdate[] = [half], agentId = 'agent-1', of = session) =>
  reportProgress(bench.redis, bench.keys, agentId, of, told);

const saying = (progress: string, progressOf: string): RedisState => ({
  ...oneRunning,
  'command:a': { ...running, progress, progressOf },
});

test('stores the progress of an attempt, beside its number, renews nothing, and announces it', async () => {
  await bench.seed(oneRunning);
  expect(await tell()).toEqual(['ok']);
  expect(await bench.state()).toEqual(saying('0.5', '1:2'));
  expect(await bench.events()).toEqual([['a RUNNING 1 0.5']]);
});

test('a progress that is sent twice is answered alike, changes nothing more, and is not announced', async () => {
  await bench.seed(saying('0.5', '1:2'));
  expect(await tell()).toEqual(['again']);
  expect(await bench.state()).toEqual(saying('0.5', '1:2'));
  expect(await bench.events()).toEqual([]);
});

test('keeps the later one when an earlier one arrives after it', async () => {
  await bench.seed(saying('0.9', '1:10'));
  expect(await tell()).toEqual(['again']);
  expect(await bench.state()).toEqual(saying('0.9', '1:10'));
});

test.each<[string, string, string]>([
  ['an earlier one of the same attempt', '0.1', '1:1'],
  ['the last one of an earlier attempt, whatever its place there', '0.99', '0:900'],
  ['what is none', 'x', 'x'],
])('replaces %s', async (_, progress, progressOf) => {
  await bench.seed(saying(progress, progressOf));
  expect(await tell()).toEqual(['ok']);
  expect(await bench.state()).toEqual(saying('0.5', '1:2'));
});

test('takes any JSON, spaces and all', async () => {
  await bench.seed(oneRunning);
  const progress = '{"done":3,"of":7,"now":"a b\\nc"}';
  expect(await tell([{ ...half, progress }])).toEqual(['ok']);
  expect(await bench.state()).toEqual(saying(progress, '1:2'));
  expect(await bench.events()).toEqual([[`a RUNNING 1 ${progress}`]]);
});

test.each<[string, RedisState, Parameters<typeof tell>]>([
  ['another attempt', oneRunning, [[{ ...half, attempt: 2 }]]],
  ['another agent', oneRunning, [[half], 'agent-2']],
  ['an older session', oneRunning, [[half], 'agent-1', 'i1.0']],
  ['no session', oneRunning, [[half], 'agent-1', '']],
  ['one that waits', onePending, [[half]]],
  ['one that waits with a marker set', { ...onePending, 'exec:a': marker }, [[half]]],
  ['one whose marker is gone', without(oneRunning, 'exec:a'), [[half]]],
  [
    'one that has ended',
    without({ ...oneRunning, 'command:a': { ...running, status: 'COMPLETED', progress: '0.4' } }, 'exec:a'),
    [[half]],
  ],
])('says lost to %s, and changes nothing', async (_, state, [told, agentId, of]) => {
  await bench.seed(state);
  expect(await tell(told, agentId, of)).toEqual(['lost']);
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test('takes it of a caller without a session when the attempt has none', async () => {
  await bench.seed({ ...oneRunning, 'exec:a': '1:agent-1:' });
  expect(await tell([half], 'agent-1', '')).toEqual(['ok']);
});

test('says gone of a command that does not exist', async () => {
  await bench.seed({});
  expect(await tell()).toEqual(['gone']);
  expect(await bench.state()).toEqual({});
});

test.each<[string, RedisState]>([
  ['the hash is something else', { 'command:a': 'x' }],
  ['the hash has no queue', { 'command:a': { status: 'RUNNING' } }],
  ['the marker cannot be compared', { 'exec:a': { list: [marker] } }],
])('says broken when %s', async (_, keys) => {
  const state = { ...oneRunning, ...keys };
  await bench.seed(state);
  expect(await tell()).toEqual(['broken']);
  expect(await bench.state()).toEqual(state);
});

test('a batch with lost, gone and broken ones stores and announces the others, in one message', async () => {
  const b = { ...running, entry: '1-2' };
  await bench.seed({ ...oneRunning, 'command:b': b, 'exec:b': marker, 'command:odd': 'x' });
  const told = ['gone', 'a', 'odd', 'b'].map((id) => ({ ...half, id }));
  expect(await tell([...told, { ...half, attempt: 2 }])).toEqual(['gone', 'ok', 'broken', 'ok', 'lost']);
  expect(await bench.state()).toMatchObject({
    'command:a': { progress: '0.5' },
    'command:b': { progress: '0.5' },
  });
  expect(await bench.events()).toEqual([['a RUNNING 1 0.5', 'b RUNNING 1 0.5']]);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(oneRunning);
  expect(await bench.whenFull(() => tell())).toEqual(['ok']);
});
