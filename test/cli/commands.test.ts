import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deployment } from '../../testing/deployment.js';
import { freePort } from '../../testing/processes.js';
import { startServerHere } from '../server-here.js';
import { bringBack, runLine, runProcess, whereIs } from './command-line.js';
import { documents, startLines, uuid } from './lines.js';
import { registerNobody } from './scene.js';

/** The commands that a user types, against a server, an agent and a Redis that are real. */

const { deployment, fencepost, submit, read } = startLines();
const unheard = async () => `http://127.0.0.1:${await freePort()}`;

it('submits a command, waits for it, and shows it', async () => {
  const id = await submit('DELAY', '{"ms": 10}');
  const waited = await fencepost(['wait', id]);
  expect(waited).toMatchObject({ code: 0, stderr: '' });
  expect(waited.stdout).toMatch(new RegExp(`^${id}  COMPLETED  {"ok":true,"tookMs":\\d+}\n$`));
  const shown = await fencepost(['get', id]);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^status +COMPLETED$/m);
  expect(shown.stdout).toMatch(/^payload +{"ms":10}$/m);
  expect(documents((await fencepost(['get', id, '--json'])).stdout)).toEqual([await read(id)]);
});

it('passes on every flag of a submission, and the payload from a file or standard input', async () => {
  const file = join(tmpdir(), `fencepost-payload-${process.pid}.json`);
  writeFileSync(file, '{"ms": 7}');
  const flags =
    '--queue nobodys --timeout 5s --ttl 1h --delay 2m --on-agent-lost retry --max-losses 4 --max-attempts 5';
  const id = await submit('DELAY', `@${file}`, ...flags.split(' '));
  rmSync(file);
  const view = await read(id);
  expect(view).toMatchObject({
    payload: { ms: 7 },
    queue: 'nobodys',
    timeoutMs: 5000,
    onAgentLost: 'retry',
    maxLosses: 4,
    maxAttempts: 5,
    waitingFor: 'schedule',
  });
  const after = (iso: string | null) => Date.parse(iso ?? '') - Date.parse(view.createdAt);
  expect([after(view.runAt), after(view.expiresAt)]).toEqual([120_000, 3_600_000]);
  const { stdout } = await fencepost(['submit', 'DELAY', '-'], { stdin: '{"ms": 8}' });
  expect((await read(stdout.trim())).payload).toEqual({ ms: 8 });
  expect((await fencepost(['cancel', id])).stdout).toBe(`${id}  cancelled\n`);
});

it('is one command for one key, and says whether it is new', async () => {
  const line = ['submit', 'DELAY', '{"ms": 0}', '--idempotency-key', 'order-4711', '--json'];
  const [first, again] = [await fencepost(line), await fencepost(line)];
  const [one] = documents(first.stdout);
  expect(one).toEqual({ commandId: expect.stringMatching(uuid) as string, created: true });
  expect(documents(again.stdout)).toEqual([{ ...one, created: false }]);
});

it('ends with 1 when the command that it waits for FAILED, and when it is not known', async () => {
  const payload = JSON.stringify({ url: await unheard() });
  const failed = await fencepost(['submit', 'HTTP_GET_JSON', payload, '--wait']);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toMatch(/ FAILED {2}EXECUTION_FAILED: /);
  const missing = await fencepost(['get', '01a20347-41c9-70fb-9717-be09e4a1f184']);
  expect(missing).toMatchObject({ code: 1, stdout: '', stderr: 'there is no command with this id\n' });
});

test.each<[string, readonly string[], RegExp]>([
  ['an unknown command', ['submitt'], /unknown command 'submitt'\n\(Did you mean submit\?\)/],
  ['an unknown flag', ['list', '--stats'], /unknown option '--stats'\n\(Did you mean --status\?\)/],
  [
    'a status that is none',
    ['list', '--status', 'DONE'],
    /option '--status <status>' argument 'DONE' is invalid/,
  ],
  [
    'a number that is none',
    ['list', '--limit', 'all'],
    /'--limit <n>' argument 'all' is invalid. It must be a whole number/,
  ],
  [
    'a time that is none',
    ['wait', 'x', '--timeout', 'soon'],
    /'--timeout <time>' argument 'soon' is invalid. It must be a time/,
  ],
  [
    'a URL that is none',
    ['agents', '--server', 'localhost'],
    /'--server <url>' argument 'localhost' is invalid/,
  ],
  [
    'two times',
    ['submit', 'A', '--delay', '1', '--run-at', 'x'],
    /'--delay <time>' cannot be used with option '--run-at/,
  ],
  ['a moment that is none', ['submit', 'A', '--run-at', 'noon'], /^--run-at: must be a time with its zone/],
  ['a payload that is no JSON', ['submit', 'DELAY', '{ms: 1}'], /^payload: is not JSON: /],
  [
    'a payload that cannot be read',
    ['submit', 'DELAY', '@/nowhere'],
    /^payload: \/nowhere cannot be read \(ENOENT\)/,
  ],
  [
    'a payload that its type refuses',
    ['submit', 'DELAY', '{"ms": -1}'],
    /^payload\.ms must be a whole number/,
  ],
  ['a type that no agent knows', ['submit', 'DEALY', '{}'], /^type is not known, did you mean DELAY\?/],
  ['no type', ['submit'], /^type: missing/],
  [
    'a file that cannot be read',
    ['submit', '--file', '/nowhere'],
    /^--file: \/nowhere cannot be read \(ENOENT\)/,
  ],
  [
    'a flag beside a file',
    ['submit', '--file', '-', '--max-losses', '3'],
    /^--max-losses: with --file each line has its own/,
  ],
  ['cancel of nothing', ['cancel'], /^commandIds: give ids, or a --status/],
  [
    'cancel of two things',
    ['cancel', 'x', '--status', 'PENDING'],
    /^commandIds: give ids or a filter, not both/,
  ],
  ['retry of everything by mistake', ['retry'], /^commandIds: give ids, a filter, or --all/],
  ...[
    ['watch', 'x'],
    ['get', ''],
    ['get', '..'],
    ['wait', '.'],
    ['cancel', '.'],
    ['retry', '..'],
  ].map((line): [string, readonly string[], RegExp] => [
    `what is no id: ${JSON.stringify(line)}`,
    line,
    /^commandId: must be the id of a command/,
  ]),
  ...['wait', 'get', 'cancel', 'retry', 'watch'].map((name): [string, readonly string[], RegExp] => [
    `no id at all for ${name}`,
    [name, '-'],
    /^commandIds: there are none on standard input/,
  ]),
  [
    'an agent that is none',
    ['agents', 'drain', '..'],
    /'..' is invalid for argument 'agentId'. an agentId is 1 to 64/,
  ],
  [
    'a key that no header carries',
    ['submit', 'DELAY', '--key', 'ключ'],
    /'--key <key>' argument 'ключ' is invalid. It must be 1 to 255 visible ASCII/,
  ],
  [
    'two keys',
    ['submit', 'DELAY', '--key', 'one', '--idempotency-key', 'two'],
    /option '--key <key>' cannot be used with option '--idempotency-key <key>'/,
  ],
  ['a directory', ['submit', '--file', tmpdir()], /^--file: .* is a directory$/m],
])('ends with 2, and names the flag or argument, at %s', async (_, args, message) => {
  const { code, stdout, stderr } = await fencepost(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

it('ends with 3 when the server is away, or Redis is', async () => {
  const away = await fencepost(['list', '--server', await unheard(), '--retry-for', '100ms']);
  expect(away).toMatchObject({ code: 3, stdout: '' });
  expect(away.stderr).toMatch(/ECONNREFUSED.*\nrun fencepost doctor to find the cause\n$/);
  const other = await Deployment.start({ servers: 0 });
  try {
    await startServerHere(other);
    await other.redis.kill();
    const { code, stderr } = await runLine(['list', '--retry-for', '100ms'], { env: whereIs(other) });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^Redis cannot be reached: .*\nrun fencepost doctor/);
  } finally {
    await bringBack(other);
    await other.stop();
  }
});

it('lists by status, type and queue, as many as are asked for', async () => {
  const ids = [];
  for (let i = 0; i < 3; i++) ids.unshift(await submit('DELAY', '{"ms": 0}', '--queue', 'listed'));
  const { stdout } = await fencepost(['list', '--queue', 'listed', '--status', 'PENDING']);
  const [head, ...rows] = stdout.trim().split('\n');
  expect(head).toMatch(/^COMMAND +STATUS +TYPE/);
  expect(rows.map((row) => row.split(/ +/, 4))).toEqual(ids.map((id) => [id, 'PENDING', 'DELAY', 'listed']));
  expect(rows[0]).toMatch(/ waits for agent$/);
  const two = documents((await fencepost(['list', '--queue', 'listed', '--limit', '2', '--json'])).stdout);
  expect(two.map(({ commandId }) => commandId)).toEqual(ids.slice(0, 2));
  expect((await fencepost(['list', '--queue', 'none-here'])).stderr).toBe('none\n');
});

it('cancels and retries by id and by filter, and shows before what it would act on', async () => {
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push(await submit('DELAY', '{"ms": 0}', '--queue', 'stopped'));
  const [one = '', ...others] = ids;
  expect((await fencepost(['cancel', one, '--json'])).stdout).toBe(
    `{"commandId":"${one}","state":"cancelled"}\n`,
  );
  const filter = ['--status', 'PENDING', '--queue', 'stopped'];
  const dry = await fencepost(['cancel', ...filter, '--dry-run', '--json']);
  expect(documents(dry.stdout).map(({ commandId }) => commandId)).toEqual([...others].reverse());
  expect((await read(others[0] ?? '')).status).toBe('PENDING');
  const many = await fencepost(['cancel', ...filter, '--json']);
  expect(documents(many.stdout)).toEqual([{ cancelled: 2, requested: 0, skipped: 0 }]);

  const refused = await fencepost(['cancel', '01a20347-41c9-70fb-9717-be09e4a1f184', one]);
  expect(refused).toMatchObject({ code: 1, stdout: `${one}  cancelled\n` });
  expect(refused.stderr).toMatch(/there is no command with this id/);

  expect((await fencepost(['retry', one])).stdout).toBe(`${one}  retried\n`);
  const rest = await fencepost([
    'retry',
    '--queue',
    'stopped',
    '--code',
    'CANCELLED',
    '--executed',
    'no',
    '--dry-run',
  ]);
  expect(rest.stdout.trim().split('\n')).toHaveLength(2);
  const all = await fencepost(['retry', '--queue', 'stopped', '--json']);
  expect(documents(all.stdout)).toEqual([{ retried: 2, mayStillRun: 0, skipped: 0 }]);
});

it('lists agents, queues and types, pauses a queue, and drains an agent', async () => {
  const agents = await fencepost(['agents']);
  expect(agents.stdout).toMatch(/^AGENT +STATE[^\n]*\nworker +live +\d\/4 +default /);
  expect(documents((await fencepost(['agents', '--json'])).stdout)).toMatchObject([
    { agents: [{ agentId: 'worker' }] },
  ]);
  expect((await fencepost(['types'])).stdout).toMatch(/^DELAY +built-in /m);
  expect((await fencepost(['types', 'DELAY'])).stdout).toContain('"maximum": 86400000');
  expect(await fencepost(['types', 'DEALY'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('DELAY') as string,
  });

  expect((await fencepost(['queues', 'pause', 'default'])).stdout).toMatch(/^default is paused since 20/);
  expect((await fencepost(['queues'])).stdout).toMatch(/^default +0 +0 .* paused$/m);
  expect(documents((await fencepost(['queues', 'resume', 'default', '--json'])).stdout)).toMatchObject([
    { paused: false },
  ]);

  await registerNobody(deployment(), 'second', ['default']);
  expect((await fencepost(['agents', 'drain', 'second'])).stdout).toBe('second accepts no more commands\n');
  expect((await fencepost(['agents'])).stdout).toMatch(/^second +draining /m);
  expect((await fencepost(['agents', 'drain', 'nobody'])).code).toBe(1);
});

it('heeds flags before the name of a nested command, and those behind it more', async () => {
  const elsewhere = ['--server', await unheard(), '--retry-for', '100ms'];
  for (const line of [
    ['queues', ...elsewhere, 'pause', 'default'],
    ['agents', ...elsewhere, 'drain', 'worker'],
  ]) {
    expect(await fencepost(line)).toMatchObject({ code: 3, stdout: '' });
  }
  expect(await deployment().get('/queues')).toMatchObject({
    queues: expect.not.arrayContaining([expect.objectContaining({ paused: true })]) as unknown,
  });
  const { stdout } = await fencepost([
    'queues',
    '--json',
    ...elsewhere,
    'resume',
    'default',
    '--server',
    deployment().url,
  ]);
  expect(documents(stdout)).toMatchObject([{ queue: 'default', paused: false }]);
});

it('watches everything until Ctrl-C, and one command until it has ended', async () => {
  let id = '';
  const watched = await fencepost(['watch', '--json'], {
    whileRunning: async ({ said, kill, saidAside }) => {
      await saidAside('watching');
      id = await submit('DELAY', '{"ms": 1}');
      await said('COMPLETED');
      kill('SIGINT');
    },
  });
  expect(watched).toMatchObject({ code: 130, signal: null });
  const ours = documents(watched.stdout).filter(({ commandId }) => commandId === id);
  expect(ours.map(({ kind, status }) => [kind, status])).toEqual(
    ['PENDING', 'RUNNING', 'COMPLETED'].map((status) => ['transition', status]),
  );

  const slow = await submit('DELAY', '{"ms": 700}');
  const one = await fencepost(['watch', slow]);
  expect(one).toMatchObject({ code: 0, stderr: '' });
  expect(one.stdout.trim().split('\n').at(-1)).toMatch(new RegExp(`^${slow}  COMPLETED  {"ok":true`));
  const ended = documents((await fencepost(['watch', slow, '--json'])).stdout).at(-1);
  expect(ended).toEqual({ kind: 'ended', command: await read(slow) });
});

it('reads ids from standard input for whatever takes them, and a byte order mark is no part of one', async () => {
  const ids = await Promise.all([1, 2].map(() => submit('DELAY', '{"ms": 0}', '--queue', 'nobodys')));
  const stdin = `\ufeff${ids[0] ?? ''}\r\n{"line":2,"commandId":"${ids[1] ?? ''}"}\n`;
  const got = await fencepost(['get', '-', '--json'], { stdin });
  expect(documents(got.stdout).map(({ commandId }) => commandId)).toEqual(ids);
  const cancelled = await fencepost(['cancel', '-'], { stdin });
  expect(cancelled).toMatchObject({ code: 0, stdout: ids.map((id) => `${id}  cancelled\n`).join('') });
  const watched = await fencepost(['watch', '-'], { stdin: `${ids[0] ?? ''}\n` });
  expect(watched).toMatchObject({ code: 1, stdout: expect.stringContaining('CANCELLED') as string });
  const retried = await fencepost(['retry', '-'], { stdin });
  expect(retried).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${ids[1] ?? ''}  retried`) as string,
  });
  expect((await fencepost(['cancel', '-'], { stdin })).code).toBe(0);
});

it('is interrupted while it waits, and gives up waiting in time', async () => {
  const id = await submit('DELAY', '{"ms": 0}', '--queue', 'nobodys');
  const second = await submit('DELAY', '{"ms": 0}');
  const stopped = await fencepost(['wait', id, second], {
    whileRunning: async ({ said, kill }) => {
      await said(second);
      kill('SIGINT');
    },
  });
  expect(stopped).toMatchObject({ code: 130, signal: null, stderr: '' });
  const late = await fencepost(['wait', id, '--timeout', '3s']);
  expect(late).toMatchObject({ code: 1, stdout: '', stderr: `${id} has not ended: its status is PENDING\n` });
  await fencepost(['cancel', id]);
});

it('hands bench and chaos their own arguments, and ends as they do', async () => {
  // Their output is that of a program which the line starts: it goes past this process.
  const help = await runProcess(['bench', '--help']);
  expect(help.stdout).toMatch(/^npm run bench -- \[benchmark\]/);
  expect(help.code).toBe(0);
  const wrong = await runProcess(['chaos', '--sed=4']);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('did you mean --seed?');
});

it('finds a running npm start by its stack.json, and does without', async () => {
  const { REDIS_URL = '', DATA_DIR = '' } = whereIs(deployment());
  const file = join(DATA_DIR, 'stack.json');
  writeFileSync(file, JSON.stringify({ pid: process.pid, redisUrl: REDIS_URL, serverUrl: deployment().url }));
  expect(await runLine(['agents'], { env: { DATA_DIR } })).toMatchObject({ code: 0 });
  expect(
    documents((await runLine(['doctor', '--json'], { env: { DATA_DIR } })).stdout)[0]?.checks,
  ).toContainEqual(expect.objectContaining({ name: 'server', state: 'pass', detail: deployment().url }));
  rmSync(file);
});
