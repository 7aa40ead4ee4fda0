import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { marker, oneRunning, pending, running } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { callScript, type ScriptName, scriptNames } from './scripts.js';

// Redis does not roll back: a number that is none must refuse the whole call before its first write, and
// not raise in the middle of a batch.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const twoRunning: RedisState = {
  ...oneRunning,
  'command:b': { ...running, entry: '1-2' },
  'exec:b': marker,
  'session:agent-1': 'i1.1',
};
const group = (kind: 'done' | 'ended', count: string | number) => ['agent-1', 'i1.1', kind, count];
const completed = (id: string, attempt: string | number = 1) => [id, attempt, '', '{}'];
const failed = (id: string, pauseMs: string | number, jitter: string | number = 0, executed = 'yes') => [
  ...[id, 1, '', ''],
  ...['FAILED', '{"code":"EXECUTION_FAILED","message":"x"}', executed, '1', pauseMs, jitter],
];
const ofBoth = (second: readonly (string | number)[]) => [
  2,
  ...group('done', 1),
  ...completed('a'),
  ...second,
];
const submitted = (
  id: string,
  { ms = 0, ttlMs = '', fields = 1, commands = 1 }: Readonly<Record<string, string | number>> = {},
) => [...['default', 'in', ms, ttlMs], ...[fields, 'type', 'DELAY'], '', commands, id, '{}'];
const later = '9999999999999';

/** Calls whose first item is right, and would be written. */
const calls: readonly [ScriptName, string, (bad: string) => (string | number)[]][] = [
  ['report', 'how many groups', (bad) => [bad, ...group('done', 1), ...completed('a')]],
  ['report', 'how many', (bad) => ofBoth([...group('done', bad), ...completed('b')])],
  ['report', 'pauseMs', (bad) => ofBoth([...group('ended', 1), ...failed('b', bad)])],
  ['report', 'jitter', (bad) => ofBoth([...group('ended', 1), ...failed('b', 0, bad)])],
  ['report', 'attempt', (bad) => ofBoth([...group('done', 1), ...completed('b', bad || 'x')])],
  ['submit', 'notAfter', (bad) => [bad, 100, 100, '', 1, ...submitted('c')]],
  ['submit', 'maxBacklog', (bad) => [later, bad, 100, '', 1, ...submitted('c')]],
  ['submit', 'maxQueues', (bad) => [later, 100, bad, '', 1, ...submitted('c')]],
  ['submit', 'how many', (bad) => [later, 100, 100, '', bad, ...submitted('c')]],
  ['submit', 'ms', (bad) => [later, 100, 100, '', 2, ...submitted('c'), ...submitted('d', { ms: bad })]],
  [
    'submit',
    'ttlMs',
    (bad) => [later, 100, 100, '', 2, ...submitted('c'), ...submitted('d', { ttlMs: bad || 'x' })],
  ],
  [
    'submit',
    'how many of a group',
    (bad) => [later, 100, 100, '', 2, ...submitted('c'), ...submitted('d', { commands: bad })],
  ],
  [
    'submit',
    'how many fields',
    (bad) => [later, 100, 100, '', 2, ...submitted('c'), ...submitted('d', { fields: bad })],
  ],
  ['start', 'limit', (bad) => ['agent-1', 'i1.1', bad, 1, 'default', 0, 0]],
  ['start', 'how many types', (bad) => ['agent-1', 'i1.1', 9, 1, 'default', bad, 0]],
  ['renew', 'how many', (bad) => ['agent-1', 'i1.1', bad, 'a', 1]],
  ['progress', 'sequence', (bad) => ['agent-1', 'i1.1', 2, 'a', 1, 1, '{}', 'b', 1, bad, '{}']],
  ['release', 'how many', (bad) => ['agent-1', 'i1.1', bad, 'default', '1-1', 'a', 1]],
  ['recover', 'leaseMs', (bad) => [bad, 100, 'default', '0-0']],
  ['recover', 'most', (bad) => [1000, bad, 'default', '0-0']],
  ['abandon', 'most', (bad) => ['agent-1', 'i1.1', bad, 'default', '', 0]],
  ['abandon', 'how many earlier', (bad) => ['agent-1', 'i1.1', 100, 'default', '', bad]],
  ['rescue', 'leaseMs', (bad) => [bad, 1, 'a', '1-1']],
  ['promote', 'most', (bad) => [bad]],
  ['expire', 'most', (bad) => [bad]],
  ['prune', 'retentionMs', (bad) => [bad, 1, 0, 0, 0, 100]],
  ['cancel', 'marginMs', (bad) => ['TIMEOUT', bad, 1, 'a', 1, '', '']],
  ['retry', 'how many', (bad) => [bad, 'a', '1']],
  ['pause', 'notAfter', (bad) => [bad, 'default', 100]],
  ['pause', 'maxQueues', (bad) => [later, 'other', bad]],
  ['resume', 'notAfter', (bad) => [bad, 'default']],
  ['open', 'ttlMs', (bad) => [bad, 1, 'other']],
  ['retire', 'how many', (bad) => [bad, 'default']],
  ['dismiss', 'how many', (bad) => ['default', bad, 'agent-2']],
  ['survey', 'how many', (bad) => ['', bad, 'default']],
];

describe.each(calls)('%s with a foreign %s', (name, _what, args) => {
  test.each(['nan', 'inf', '', '1.5', '1e3', '0x10', '99999999999999999', 'null'])(
    '%p changes nothing',
    async (bad) => {
      await bench.seed({ ...twoRunning, 'command:p': { ...pending, entry: '1-9' } });
      const before = await bench.state();
      await expect(callScript(bench.redis, name, bench.keys.root, args(bad))).rejects.toThrow('whole number');
      expect(await bench.state()).toEqual(before);
      expect(await bench.events()).toEqual([]);
    },
  );

  // Otherwise the call would be refused for another argument, whatever this one is.
  test('is refused for that alone: it takes a number', async () => {
    const calls = ['0', '1'].map((good) => callScript(bench.redis, name, bench.keys.root, args(good)));
    const answers = await Promise.allSettled(calls);
    expect(answers.map(({ status }) => status)).toContain('fulfilled');
  });
});

test('an outcome whose `executed` is no word of it is refused like that', async () => {
  await bench.seed(twoRunning);
  const args = ofBoth([...group('ended', 1), ...failed('b', 0, 0, 'perhaps')]);
  const call = callScript(bench.redis, 'report', bench.keys.root, args);
  await expect(call).rejects.toThrow('must be no, unknown or yes');
  expect(await bench.redis.hget(bench.keys.command('a'), 'status')).toBe('RUNNING');
});

test.each([
  ['its result', -1],
  ['its ticket and result', -2],
  ['all of it', -4],
])('a call whose last report lacks %s is refused like that', async (_what, end) => {
  await bench.seed(twoRunning);
  const args = [1, ...group('done', 2), ...completed('a'), ...completed('b')].slice(0, end);
  await expect(callScript(bench.redis, 'report', bench.keys.root, args)).rejects.toThrow(
    'is missing: a call of report must be whole',
  );
  expect(await bench.redis.hget(bench.keys.command('a'), 'status')).toBe('RUNNING');
});

test('no script reads a number from its arguments but by numberAt', () => {
  const texts = scriptNames.map((name) => readFileSync(join(__dirname, `${name}.lua`), 'utf8'));
  expect(texts.filter((text) => text.includes('tonumber(ARGV'))).toEqual([]);
});
