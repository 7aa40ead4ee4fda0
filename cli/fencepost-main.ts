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
    if (errorCode(error) !== 'EPIPE') throw error;
    // `fencepost list | head`: whoever reads has had enough, and that is no failure.
    if (!terminal.isChanging) process.exit(exitCodes.done);
    // Each line that is printed after it says so again.
    if (closed) return;
    closed = new OutputClosed('nobody reads what is printed any more: stopped');
    stopped.abort(closed);
  });
  process.exitCode = await runProgram(argv, terminal, () =>
    received === undefined ? undefined : 128 + constants.signals[received],
  );
  // All was done, and not all of it was told.
  if (closed && process.exitCode === exitCodes.done) process.exitCode = exitCodes.failed;
}

void main(process.argv.slice(2));
