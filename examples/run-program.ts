import { z } from 'zod';
import { type ExecutionContext, ExecutionError } from '../agent/commands/command-type.js';
// In a project of your own: import { defineCommand, ExecutionError } from 'fencepost';
import { defineCommand } from '../agent/commands/define-command.js';
import { ProgramRun } from './program-run.js';

/**
 * A command type of one's own: it runs a program with arguments, without a shell, on the agent's machine.
 * Only programs that `RUN_PROGRAM_ALLOW` lists, with commas between, each as commands must name it.
 */
export const allowVariable = 'RUN_PROGRAM_ALLOW';

/** How many bytes of each stream are kept; what comes after that is read, counted and dropped. */
export const keptBytes = 64 * 1024;

/** Between SIGTERM and SIGKILL; less than GRACE_MS, after which an agent gives up on a handler. */
const killAfterMs = 2000;

const textSchema = z
  .string()
  .max(16_384)
  .regex(/^[^\0]*$/, 'must not hold the character NUL');

const payloadSchema = z.strictObject({
  program: textSchema.min(1),
  args: z.array(textSchema).max(1000).default([]),
  stdin: z.string().default('').describe('What the program reads from its standard input.'),
});

const outputSchema = z.strictObject({
  text: z.string().describe(`The first ${keptBytes} bytes, as UTF-8.`),
  bytes: z.int().min(0).describe('How many there were.'),
  truncated: z.boolean(),
});

const resultSchema = z.strictObject({
  exitCode: z.int().nullable().describe('null: a signal ended it.'),
  signal: z.string().nullable(),
  stdout: outputSchema,
  stderr: outputSchema,
  tookMs: z.int().min(0),
});

type Result = z.infer<typeof resultSchema>;

export const runProgram = defineCommand({
  type: 'RUN_PROGRAM',
  payload: payloadSchema,
  result: resultSchema,
  timeoutMs: 60_000,
  // An agent that dies does not take the program with it: it may have done its work, and must not begin again.
  onAgentLost: 'fail',

  async execute({ payload, signal, attempt, commandId, log, progress }) {
    checkAllowed(payload.program);
    signal.throwIfAborted();
    const run = new ProgramRun({
      ...payload,
      env: environmentOf({ commandId, attempt }),
      keptBytes,
      killAfterMs,
      onOutput: (output) => progress(output),
    });
    const pid = await run.started().catch((error: unknown) => {
      throw new ExecutionError(`${payload.program} cannot be started: ${messageOf(error)}`, {
        retryable: false,
      });
    });
    log.info({ pid, program: payload.program }, 'program started');
    const stop = () => run.stop();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    const result = await run.ended();
    signal.removeEventListener('abort', stop);
    log.info({ pid, exitCode: result.exitCode, signal: result.signal }, 'program ended');
    return checkEnd(payload.program, result);
  },
});

function checkAllowed(program: string): void {
  const allowed = (process.env[allowVariable] ?? '').split(',').map((name) => name.trim());
  if (program !== '' && allowed.includes(program)) return;
  const message = `${program} is not allowed here: ${allowVariable} of this agent does not list it`;
  throw new ExecutionError(message, { retryable: false });
}

/** Not the agent's own, which has the password of its Redis. With it the program, too, can refuse an older attempt. */
function environmentOf({ commandId, attempt }: Pick<ExecutionContext<unknown>, 'commandId' | 'attempt'>) {
  const { PATH, HOME, LANG, TZ } = process.env;
  return { PATH, HOME, LANG, TZ, FENCEPOST_COMMAND_ID: commandId, FENCEPOST_ATTEMPT: String(attempt) };
}

/** Any other end than exit code 0 is a failure, with the whole result beside it. Aborted: the runner knows why. */
function checkEnd(program: string, result: Result): Result {
  if (result.exitCode === 0) return result;
  const how = result.signal === null ? `exit code ${result.exitCode}` : result.signal;
  throw new ExecutionError(`${program} ended with ${how}`, { result });
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
