import { constants } from 'node:os';
import { errorCode } from '../shared/runtime/error-code.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { exitCodes } from './client/exit-codes.js';
import { faultOf } from './client/faults.js';
import { createProgram } from './client/program.js';
import { Terminal } from './client/terminal.js';

/** `fencepost …`: from its arguments to its exit code. */
async function main(argv: readonly string[]): Promise<void> {
  const stopped = new AbortController();
  const terminal = new Terminal(process, stopped.signal);
  let received: NodeJS.Signals = 'SIGINT';
  onStopSignals({
    first: (signal) => {
      received = signal;
      stopped.abort();
    },
    second: (signal) => process.exit(128 + constants.signals[signal]),
  });
  // `fencepost list | head`: whoever reads has had enough, and that is no failure.
  process.stdout.on('error', (error) => {
    if (errorCode(error) === 'EPIPE') process.exit(exitCodes.done);
    throw error;
  });
  try {
    await createProgram(terminal).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = stopped.signal.aborted ? 128 + constants.signals[received] : tell(error, terminal);
  }
}

/** Says what went wrong, unless that was done. @returns the exit code */
function tell(error: unknown, terminal: Terminal): number {
  const fault = faultOf(error);
  if (!fault) throw error;
  for (const line of fault.lines) terminal.say(line);
  return fault.exitCode;
}

void main(process.argv.slice(2));
