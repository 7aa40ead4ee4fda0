import { constants } from 'node:os';
import { errorCode } from '../shared/runtime/error-code.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { exitCodes, OutputClosed } from './commands/exit-codes.js';
import { runProgram } from './commands/run.js';
import { Terminal } from './commands/terminal.js';

/** `fencepost …`: from its arguments to its exit code. */
async function main(argv: readonly string[]): Promise<void> {
  const stopped = new AbortController();
  const terminal = new Terminal(process, stopped.signal);
  let received: NodeJS.Signals | undefined;
  onStopSignals({
    first: (signal) => {
      received = signal;
      stopped.abort();
    },
    second: (signal) => process.exit(128 + constants.signals[signal]),
  });
  let closed: OutputClosed | undefined;
  process.stdout.on('error', (error) => {
    // Every line that is printed later emits the same error again.
    if (closed) return;
    const isClosed = errorCode(error) === 'EPIPE';
    // `fencepost list | head`: the reader closes the pipe when it has enough, and that is no failure.
    if (isClosed && !terminal.isChanging) process.exit(exitCodes.done);
    const why = `standard output cannot be written (${errorCode(error) ?? String(error)})`;
    closed = new OutputClosed(
      isClosed ? 'the reader of standard output is gone: stopped' : `${why}: stopped`,
    );
    process.exitCode ||= exitCodes.failed;
    stopped.abort(closed);
  });
  // The outcome does not depend on whether standard error is read.
  process.stderr.on('error', () => undefined);
  process.exitCode = await runProgram(argv, terminal, () =>
    received === undefined ? undefined : 128 + constants.signals[received],
  );
  // All of the work was done, but not all of its output could be printed.
  if (closed && process.exitCode === exitCodes.done) process.exitCode = exitCodes.failed;
}

void main(process.argv.slice(2));
