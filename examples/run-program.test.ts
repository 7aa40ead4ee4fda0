import { z } from 'zod';
import { announcementOf, loadCommands } from '../agent/command-registry.js';
import { ExecutionError } from '../agent/commands/command-type.js';
import { contextOf } from '../agent/testing/execution-context.js';
import { type Progress } from '../shared/protocol/commands.js';
import { pause } from '../shared/runtime/service.js';
import { isRunning } from '../testing/process-state.js';
import { allowVariable, keptBytes, runProgram } from './run-program.js';

const node = process.execPath;
beforeEach(() => (process.env[allowVariable] = `${node}, sh,no-such-program`));
afterEach(() => delete process.env[allowVariable]);

type Context = Parameters<typeof runProgram.execute>[0];

function run(payload: object, more: Partial<Context> = {}) {
  const context = contextOf(runProgram.payload.parse(payload), { commandId: 'c-1', attempt: 3, ...more });
  return runProgram.execute(context).then((result) => runProgram.result.parse(result));
}
const script = (source: string, ...args: string[]) => ({
  program: node,
  args: ['-e', source, ...args],
});
const shell = (source: string) => ({ program: 'sh', args: ['-c', source] });

async function failureOf(running: Promise<unknown>): Promise<ExecutionError> {
  const error: unknown = await running.catch((reason: unknown) => reason);
  if (error instanceof ExecutionError) return error;
  throw new Error(`did not fail as it should: ${JSON.stringify(error)}`);
}

/** Resolves once the program has written that it is ready, and what it wrote with it. */
function whenReady() {
  let ready: (line: string) => void;
  const line = new Promise<string>((resolve) => (ready = resolve));
  const progress = (value: Progress) => {
    const { lastLine } = z.object({ lastLine: z.string() }).parse(value);
    if (lastLine.startsWith('ready')) ready(lastLine);
  };
  return { line, progress };
}

/** Resolves when it runs no more; that it was killed shows a moment later. */
async function gone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  while (isRunning(pid)) await pause(5);
}

test('gives its arguments to the program as they are: there is no shell', async () => {
  const args = ['$HOME', '; exit 7', '*', 'two words', '"', ''];
  const result = await run(script('console.log(JSON.stringify(process.argv.slice(1)))', ...args));
  expect(result).toMatchObject({
    exitCode: 0,
    signal: null,
    stdout: { truncated: false },
    stderr: { text: '' },
  });
  expect(JSON.parse(result.stdout.text)).toEqual(args);
});

test('gives it its standard input, the command and the attempt, and none of the agent’s secrets', async () => {
  process.env.REDIS_URL = 'redis://:secret@localhost';
  const source = 'process.stdin.on("data", (text) => console.log(String(text), JSON.stringify(process.env)))';
  const { stdout } = await run({ ...script(source), stdin: 'hello' });
  delete process.env.REDIS_URL;
  expect(stdout.text).toContain('hello');
  expect(stdout.text).toContain('"FENCEPOST_COMMAND_ID":"c-1","FENCEPOST_ATTEMPT":"3"');
  expect(stdout.text).not.toContain('secret');
});

test('a program that does not read its input is none the worse', async () => {
  expect(await run({ ...script(''), stdin: 'x'.repeat(1_000_000) })).toMatchObject({ exitCode: 0 });
});

test('keeps the first of what it writes, never half a character, and counts the rest', async () => {
  const source = `process.stdout.write('a' + 'é'.repeat(${keptBytes})); process.stderr.write('oops')`;
  const { stdout, stderr } = await run(script(source));
  expect(stdout).toEqual({
    text: `a${'é'.repeat(keptBytes / 2 - 1)}`,
    bytes: 2 * keptBytes + 1,
    truncated: true,
  });
  expect(stderr).toEqual({ text: 'oops', bytes: 4, truncated: false });
});

test('says how far it is by what it writes', async () => {
  const told: Progress[] = [];
  await run(script('console.log("1 of 2"); console.error("hm")'), {
    progress: (value) => void told.push(value),
  });
  expect(told).toContainEqual({
    stdoutBytes: 7,
    stderrBytes: expect.any(Number) as number,
    lastLine: '1 of 2',
  });
});

test.each([
  ['another exit code', 'console.log("half"); process.exit(3)', 'exit code 3', { exitCode: 3, signal: null }],
  [
    'a signal',
    'console.log("half"); process.kill(process.pid, "SIGINT"); setTimeout(() => {}, 1e6)',
    'SIGINT',
    { exitCode: null, signal: 'SIGINT' },
  ],
])('%s is a failure, with all that is known of it', async (_, source, how, wanted) => {
  const error = await failureOf(run(script(source)));
  expect(error.message).toBe(`${node} ended with ${how}`);
  expect(error.retryable).toBe(true);
  expect(error.result).toMatchObject({ ...wanted, stdout: { text: 'half\n' } });
});

describe('an abort', () => {
  test('is SIGTERM for the program and all that it started, and time to end in good order', async () => {
    const { line, progress } = whenReady();
    const aborter = new AbortController();
    const source = 'trap "echo bye; exit 9" TERM; sleep 1000 & echo ready $!; wait';
    const running = failureOf(run(shell(source), { signal: aborter.signal, progress }));
    const grandchild = Number((await line).split(' ')[1]);
    expect(isRunning(grandchild)).toBe(true);
    aborter.abort();
    expect((await running).result).toMatchObject({
      exitCode: 9,
      stdout: { text: expect.stringMatching(/bye\n$/) as string },
    });
    await gone(grandchild);
  });

  test('is SIGKILL two seconds later for a program that ignores it', async () => {
    const { line, progress } = whenReady();
    const aborter = new AbortController();
    const running = failureOf(
      run(shell('trap "" TERM; echo ready; sleep 1000'), { signal: aborter.signal, progress }),
    );
    await line;
    aborter.abort();
    expect((await running).result).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
  });

  test('that came first leaves nothing to start', async () => {
    await expect(run(shell('exit 0'), { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow(
      'too late',
    );
  });
});

test('what a program leaves behind in its group ends with it', async () => {
  const { stdout } = await run(shell('sleep 1000 & echo $!'));
  await gone(Number(stdout.text));
});

test.each([
  [
    'that is not listed',
    { program: 'rm' },
    'rm is not allowed here: RUN_PROGRAM_ALLOW of this agent does not list it',
  ],
  ['that does not exist', { program: 'no-such-program' }, 'spawn no-such-program ENOENT'],
])('a program %s is not tried again', async (_, payload, message) => {
  const error = await failureOf(run(payload));
  expect(error.message).toContain(message);
  expect(error.retryable).toBe(false);
});

test('without a list nothing is allowed', async () => {
  delete process.env[allowVariable];
  expect((await failureOf(run(shell('exit 0')))).message).toContain('sh is not allowed here');
});

test('an agent loads it, and can announce it', async () => {
  const registry = await loadCommands([require.resolve('./run-program.ts')]);
  const announced = announcementOf(registry).find(({ type }) => type === 'RUN_PROGRAM');
  expect(announced).toMatchObject({
    payload: { required: ['program'], additionalProperties: false },
    onAgentLost: 'fail',
    defaultTimeoutMs: 60_000,
  });
});
