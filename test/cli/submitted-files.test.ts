import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { program, whereIs } from './command-line.js';
import { documents, startLines, uuid } from './lines.js';

/** Many commands, submitted by one line of input each, and readers that close the output early. */

const { deployment, fencepost } = startLines();

/** No agent executes it: the test is about its being stored. */
const good = '{"type": "DELAY", "payload": {"ms": 0}, "queue": "nobodys"}';
const goodLines = (count: number) => Array.from({ length: count }, () => good);

it('submits a file by the line, also more than one batch of it', async () => {
  const submitted = await fencepost(['submit', '--file', '-'], { stdin: goodLines(501).join('\n\n') });
  expect(submitted).toMatchObject({ code: 0, stderr: '' });
  expect(new Set(submitted.stdout.trim().split('\n')).size).toBe(501);
  // Other tests wait until nothing is left to do.
  expect((await fencepost(['cancel', '--queue', 'nobodys', '--status', 'PENDING'])).code).toBe(0);
});

it('stores no line of a file twice under a key, and waits for all of them', async () => {
  // More than are waited for at once.
  const lines = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ type: 'DELAY', payload: { ms: i % 2 } }),
  );
  const stdin = lines.join('\n');
  const keyed = ['submit', '--file', '-', '--key', 'import-7', '--json'];
  const [first, again] = [await fencepost(keyed, { stdin }), await fencepost(keyed, { stdin })];
  const stored = documents(first.stdout);
  expect(stored).toHaveLength(40);
  expect(stored[39]).toEqual({ line: 40, commandId: expect.stringMatching(uuid) as string });
  expect(again.stdout).toBe(first.stdout);

  const waited = await fencepost(['wait', '-', '--json'], { stdin: first.stdout });
  expect(waited.code).toBe(0);
  const idsOf = (some: readonly Record<string, unknown>[]) => new Set(some.map(({ commandId }) => commandId));
  expect(idsOf(documents(waited.stdout))).toEqual(idsOf(stored));
});

test.each([
  ['that is no JSON', '{', /^standard input, line 3: is not JSON/],
  ['that is no submission', '{"type": "DELAY"}', /^standard input, line 3: payload is missing/],
  [
    'that its type refuses',
    '{"type": "DELAY", "payload": {"ms": -1}}',
    /^line 3: payload\.ms must be a whole number/,
  ],
])('stores nothing of a batch with a line %s, and names the line', async (_, line, message) => {
  await deployment().settled();
  const before = (await deployment().get('/stats')) as { counts: unknown };
  const { code, stdout, stderr } = await fencepost(['submit', '--file', '-'], {
    stdin: `${good}\n\n${line}\n${good}\n`,
  });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(((await deployment().get('/stats')) as { counts: unknown }).counts).toEqual(before.counts);
});

const countAll = async () => {
  const { counts } = (await deployment().get('/stats')) as { counts: Record<string, number> };
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
};

it('stores nothing of a file with a wrong line far down; of a pipe it says how far it came', async () => {
  const text = [...goodLines(501), '{'].join('\n');
  const file = join(tmpdir(), `fencepost-lines-${process.pid}.jsonl`);
  writeFileSync(file, text);
  const before = await countAll();
  const whole = await fencepost(['submit', '--file', file]);
  rmSync(file);
  expect(whole).toMatchObject({ code: 2, stdout: '' });
  expect(whole.stderr).toMatch(/, line 502: is not JSON/);
  expect(await countAll()).toBe(before);

  const piped = await fencepost(['submit', '--file', '-'], { stdin: text });
  expect(piped.code).toBe(2);
  expect(piped.stdout.trim().split('\n')).toHaveLength(500);
  expect(piped.stderr).toMatch(/^lines 1 to 500 were stored\nstandard input, line 502: is not JSON/);
  expect(await countAll()).toBe(before + 500);
});

it('says what runs on when it is stopped while it waits', async () => {
  const held = ['DELAY', '{"ms": 0}', '--queue', 'nobodys'];
  const file = JSON.stringify({ type: 'DELAY', payload: { ms: 0 }, queue: 'nobodys' });
  for (const [args, stdin] of [
    [held, ''],
    [['--file', '-'], file],
  ] as const) {
    const { code, stdout, stderr } = await fencepost(['submit', ...args, '--wait'], {
      stdin,
      whileRunning: async ({ saidAside, kill }) => {
        await saidAside('\n');
        kill('SIGINT');
      },
    });
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr.trim()).toMatch(uuid);
    expect((await fencepost(['cancel', stderr.trim()])).code).toBe(0);
  }
});

it('does not say that a file was submitted when the reader of the ids ends before', async () => {
  const file = join(tmpdir(), `fencepost-many-${process.pid}.jsonl`);
  writeFileSync(file, goodLines(3000).join('\n'));
  const before = await countAll();
  const { first, code, stderr } = await intoHead(`submit --file ${file}`);
  rmSync(file);
  expect(first).toMatch(uuid);
  expect(code).toBe('1');
  const stored = (await countAll()) - before;
  const told = Number(/^lines 1 to (\d+) were stored$/m.exec(stderr)?.[1]);
  expect(told).toBeGreaterThanOrEqual(500);
  // The batch that was in flight may have come through as well, and the output reports that.
  const most = Number(/^lines \d+ to (\d+) may have been stored$/m.exec(stderr)?.[1] ?? told);
  expect(stored).toBeGreaterThanOrEqual(told);
  expect(stored).toBeLessThanOrEqual(most);
  expect(stderr).toMatch(/the reader of standard output is gone: stopped\n$/);
});

it('stops without a message when the reader of its output ends', async () => {
  // More than a pipe holds by itself.
  await fencepost(['submit', '--file', '-'], { stdin: goodLines(400).join('\n') });
  const { first, code, stderr } = await intoHead('list --all --json');
  expect({ code, stderr }).toEqual({ code: '0', stderr: '' });
  expect(documents(first)).toHaveLength(1);
});

/** Runs `fencepost <words> | head -n 1`. @returns its first line, and how the program before the pipe ended */
async function intoHead(words: string): Promise<{ first: string; code: string; stderr: string }> {
  const line = `"${process.execPath}" "${program}" ${words} | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const env = { PATH: process.env.PATH, ...whereIs(deployment()) };
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', line], { env });
  const [first = '', code = ''] = stdout.trim().split('\n');
  return { first, code, stderr };
}
