import { constants } from 'node:os';
import { errorCode } from '../shared/runtime/error-code.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { exitCodes, OutputClosed } from './client/exit-codes.js';
import { runProgram } from './client/run.js';
import { Terminal } from './client/terminal.js';

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
    // Each line that is printed after it says so again.
    if (closed) return;
    const isClosed = errorCode(error) === 'EPIPE';
    // `fencepost list | head`: whoever reads has had enough, and that is no failure.
    if (isClosed && !terminal.isChanging) process.exit(exitCodes.done);
    const why = `standard output cannot be written (${errorCode(error) ?? String(error)})`;
    closed = new OutputClosed(
      isClosed ? 'nobody reads what is printed any more: stopped' : `${why}: stopped`,
    );
    process.exitCode ||= exitCodes.failed;
    stopped.abort(closed);
  });
  // What was asked for does not depend on whether somebody reads how it goes.
  process.stderr.on('error', () => undefined);
  process.exitCode = await runProgram(argv, terminal, () =>
    received === undefined ? undefined : 128 + constants.signals[received],
  );
  // All was done, and not all of it was told.
  if (closed && process.exitCode === exitCodes.done) process.exitCode = exitCodes.failed;
}

void main(process.argv.slice(2));
