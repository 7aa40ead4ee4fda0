import { z } from 'zod';
import { type Outcome, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { createLogger } from '../shared/runtime/logger.js';
import { AttemptLost, CommandCancelled } from './abort-reasons.js';
import { type CommandType, ExecutionError, type ExecutionContext } from './commands/command-type.js';
import { defineCommand } from './commands/define-command.js';
import { LazyAbortSignal } from './lazy-abort-signal.js';
import { Runner, type RunnerOptions } from './runner.js';

const started: StartedCommand = {
  queue: 'default',
  entry: '1-1',
  id: '0190f7a0-0000-7000-8000-000000000001',
  attempt: 3,
  type: 'TEST',
  payload: '{"n":1}',
  timeoutMs: undefined,
  onAgentLost: 'fail',
};

type Context = ExecutionContext<{ n: number }>;

function runnerOf(
  execute: (context: Context) => Promise<unknown>,
  onStuck: (command: StartedCommand, outcome: Outcome) => void = () => undefined,
  more: Partial<RunnerOptions> = {},
  part: Partial<CommandType> = {},
): Runner {
  const type = defineCommand({
    type: 'TEST',
    payload: z.strictObject({ n: z.int() }),
    result: z.unknown(),
    timeoutMs: 60_000,
    execute,
  });
  // A registry holds types of every payload.
  return new Runner({
    registry: new Map([['TEST', { ...(type as CommandType), ...part }]]),
    graceMs: 0,
    onStuck,
    onProgress: () => undefined,
    logger: createLogger({ side: 'agent', level: 'silent' }),
    ...more,
  });
}

/** Settles as a well-behaved handler does: when its signal is aborted. */
const untilAborted = ({ signal }: Context) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));

it('gives the handler what it needs to know', async () => {
  let seen: Partial<Context> = {};
  const runner = runnerOf((context) => Promise.resolve((seen = context)).then(() => null));
  await runner.run({ ...started, timeoutMs: 5000 }, new LazyAbortSignal());
  expect(seen).toMatchObject({ commandId: started.id, attempt: 3, payload: { n: 1 }, timeoutMs: 5000 });
});

it('gives the handler a log whose lines say what they are about', async () => {
  const lines: unknown[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ side: 'agent', level: 'info', pretty: false, destination });
  const runner = runnerOf(({ log }) => Promise.resolve(log.info({ n: 1 }, 'resizing')), undefined, {
    logger,
  });
  await runner.run(started, new LazyAbortSignal());
  const about = { commandId: started.id, attempt: 3, type: 'TEST' };
  expect(lines).toEqual([expect.objectContaining({ ...about, n: 1, msg: 'resizing' })]);
});

describe('progress', () => {
  it('is passed on until the handler has settled', async () => {
    const told: unknown[] = [];
    let late: () => void = () => undefined;
    const runner = runnerOf(
      ({ progress }) => {
        progress(0.5);
        late = () => progress(0.9);
        return Promise.resolve(null);
      },
      undefined,
      { onProgress: ({ id, attempt }, progress) => void told.push([id, attempt, progress]) },
    );
    await runner.run(started, new LazyAbortSignal());
    late();
    expect(told).toEqual([[started.id, 3, 0.5]]);
  });

  it('that cannot be sent fails its handler, which says why', async () => {
    const onProgress = () => {
      throw new Error('progress must be JSON');
    };
    const runner = runnerOf(({ progress }) => Promise.resolve(progress('x')), undefined, { onProgress });
    const outcome = await runner.run(started, new LazyAbortSignal());
    expect(outcome).toMatchObject({ code: 'EXECUTION_FAILED', message: 'progress must be JSON' });
  });
});

describe('a definition that fails by itself fails the command, and not the agent:', () => {
  const broken = () => {
    throw new Error('oops');
  };
  it.each<[string, Partial<CommandType>, string]>([
    ['a schema', { payload: z.unknown().refine(broken) }, 'oops'],
    ['a schema that takes its time', { payload: z.unknown().refine(() => Promise.resolve(true)) }, 'Promise'],
    ['a timeout', { timeoutMs: broken }, 'oops'],
    ['a timeout that is none', { timeoutMs: () => NaN }, 'its timeoutMs gave NaN'],
    ['a timeout that is no number', { timeoutMs: () => 5n as never }, 'its timeoutMs gave 5'],
  ])('%s', async (_, part, message) => {
    const outcome = await runnerOf(() => Promise.resolve(null), undefined, {}, part).run(
      started,
      new LazyAbortSignal(),
    );
    expect(outcome).toMatchObject({ code: 'INVALID_PAYLOAD', executed: 'no' });
    expect(outcome).toHaveProperty('message', expect.stringContaining(message));
  });
});

it('completes with the result as JSON', async () => {
  const outcome = await runnerOf(() => Promise.resolve({ ok: true })).run(started, new LazyAbortSignal());
  expect(outcome).toEqual({ status: 'COMPLETED', result: '{"ok":true}' });
});

it.each([
  ['an error', new Error('boom'), { message: 'boom', retryable: true, pauseMs: 0 }],
  ['something that is no error', 'boom', { message: 'boom', retryable: true, pauseMs: 0 }],
  [
    'an error that says more',
    new ExecutionError('no', { result: { status: 503 }, retryable: false, retryAfterMs: 7 }),
    { message: 'no', retryable: false, pauseMs: 7, result: '{"status":503}' },
  ],
])('fails with EXECUTION_FAILED when the handler throws %s', async (_, thrown, expected) => {
  const runner = runnerOf(async () => {
    await Promise.resolve();
    // oxlint-disable-next-line typescript/only-throw-error -- handlers of users throw anything
    throw thrown;
  });
  const outcome = await runner.run(started, new LazyAbortSignal());
  expect(outcome).toMatchObject({ status: 'FAILED', code: 'EXECUTION_FAILED', executed: 'yes', ...expected });
});

it.each([
  ['does not fit its schema', '{"n":"one"}', 'payload.n'],
  ['has a field too many', '{"n":1,"m":2}', 'payload'],
  ['is not JSON', '{', 'payload'],
])('refuses a payload that %s without calling the handler', async (_, payload, named) => {
  const execute = jest.fn();
  const outcome = await runnerOf(execute).run({ ...started, payload }, new LazyAbortSignal());
  expect(outcome).toMatchObject({
    status: 'FAILED',
    code: 'INVALID_PAYLOAD',
    executed: 'no',
    retryable: false,
  });
  expect(outcome.status === 'FAILED' && outcome.message).toContain(named);
  expect(execute).not.toHaveBeenCalled();
});

it('refuses a type that it does not know', async () => {
  const outcome = await runnerOf(jest.fn()).run({ ...started, type: 'OTHER' }, new LazyAbortSignal());
  expect(outcome).toMatchObject({ status: 'FAILED', code: 'UNSUPPORTED_TYPE', executed: 'no' });
});

it('fails when the handler throws what throws when it is looked at, and reports it as executed', async () => {
  const hostile = new Proxy({}, { get: throwsInTurn, has: throwsInTurn, getPrototypeOf: throwsInTurn });
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- handlers of users throw anything
  const outcome = await runnerOf(() => Promise.reject(hostile)).run(started, new LazyAbortSignal());
  expect(outcome).toMatchObject({ status: 'FAILED', code: 'EXECUTION_FAILED', executed: 'yes' });
});
function throwsInTurn(): never {
  throw new Error('do not look');
}

it('gives a handler at most 30 days, and all of them', async () => {
  jest.useFakeTimers();
  try {
    const days = 24 * 3600 * 1000;
    const running = runnerOf(untilAborted, undefined, {}, { timeoutMs: () => Infinity }).run(
      started,
      new LazyAbortSignal(),
    );
    let outcome: Outcome | undefined;
    void running.then((ended) => (outcome = ended));
    await jest.advanceTimersByTimeAsync(30 * days - 1);
    expect(outcome).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome).toMatchObject({ code: 'TIMEOUT', message: 'not done after 2592000000 ms' });
  } finally {
    jest.useRealTimers();
  }
});

it('fails with TIMEOUT when the time is up, after the handler has settled', async () => {
  const outcome = await runnerOf(untilAborted).run({ ...started, timeoutMs: 1 }, new LazyAbortSignal());
  expect(outcome).toMatchObject({ status: 'FAILED', code: 'TIMEOUT', executed: 'yes' });
});

it('fails with what the handler said when it was aborted for another reason', async () => {
  const abort = new LazyAbortSignal();
  const outcome = runnerOf(untilAborted).run(started, abort);
  abort.abort(new Error('lost'));
  expect(await outcome).toMatchObject({ status: 'FAILED', code: 'EXECUTION_FAILED', message: 'stopped' });
});

it('does not call the handler of an attempt that was given up before: nothing was executed', async () => {
  let calls = 0;
  const runner = runnerOf(() => Promise.resolve(calls++));
  const abort = new LazyAbortSignal();
  abort.abort(new AttemptLost('its lease is about to end'));
  expect(await runner.run(started, abort)).toMatchObject({
    status: 'FAILED',
    code: 'AGENT_LOST',
    message: 'its lease is about to end',
    executed: 'no',
  });
  expect(calls).toBe(0);
});

it('fails with AGENT_LOST when it was aborted because the attempt was lost: no failure of its own', async () => {
  const abort = new LazyAbortSignal();
  const outcome = runnerOf(untilAborted).run(started, abort);
  abort.abort(new AttemptLost('its lease is about to end'));
  const lost = { code: 'AGENT_LOST', message: 'its lease is about to end', executed: 'yes' };
  expect(await outcome).toMatchObject({ status: 'FAILED', ...lost });
});

describe('an attempt that is asked to stop', () => {
  it('fails with CANCELLED, executed, once the handler has settled; another try would not help', async () => {
    const abort = new LazyAbortSignal();
    const outcome = runnerOf(untilAborted).run(started, abort);
    abort.abort(new CommandCancelled());
    const cancelled = { code: 'CANCELLED', message: 'it was cancelled', executed: 'yes', retryable: false };
    expect(await outcome).toMatchObject({ status: 'FAILED', ...cancelled });
  });

  it('completes when the handler does all the same: what happened is reported', async () => {
    const abort = new LazyAbortSignal();
    const outcome = runnerOf(() => Promise.resolve(7)).run(started, abort);
    abort.abort(new CommandCancelled());
    expect(await outcome).toEqual({ status: 'COMPLETED', result: '7' });
  });

  it('does not call the handler if it was before that', async () => {
    const execute = jest.fn();
    const abort = new LazyAbortSignal();
    abort.abort(new CommandCancelled());
    const outcome = await runnerOf(execute).run(started, abort);
    expect(outcome).toMatchObject({ status: 'FAILED', code: 'CANCELLED', executed: 'no' });
    expect(execute).not.toHaveBeenCalled();
  });

  it('reports that the handler ignored its abort signal', async () => {
    let wake: (value: null) => void = () => undefined;
    const unresponsive = new Promise<null>((resolve) => (wake = resolve));
    const abort = new LazyAbortSignal();
    const stuck = new Promise<Outcome>((resolve) => {
      const runner = runnerOf(
        () => unresponsive,
        (_, outcome) => resolve(outcome),
      );
      void runner.run(started, abort);
    });
    abort.abort(new CommandCancelled());
    expect(await stuck).toMatchObject({ status: 'FAILED', code: 'CANCELLED', executed: 'yes' });
    wake(null);
  });
});

it('reports that a handler ignored its abort signal', async () => {
  let wake: (value: null) => void = () => undefined;
  const unresponsive = new Promise<null>((resolve) => (wake = resolve));
  const stuck = new Promise<Outcome>((resolve) => {
    const runner = runnerOf(
      () => unresponsive,
      (_, outcome) => resolve(outcome),
    );
    void runner.run({ ...started, timeoutMs: 1 }, new LazyAbortSignal());
  });
  expect(await stuck).toMatchObject({ status: 'FAILED', code: 'TIMEOUT', executed: 'yes' });
  wake(null);
});
