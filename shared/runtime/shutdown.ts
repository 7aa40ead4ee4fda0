import { constants } from 'node:os';
import { type Logger } from './logger.js';
import { exitWithParent } from './parent.js';
import { onStopSignals } from './stop-signals.js';

/**
 * Ends this process in good order on SIGINT, SIGTERM, or when its supervisor is gone: `stop`, then
 * exit code 0. A second signal ends it at once.
 *
 * @param graceMs how long `stop` may take when the supervisor is gone, so that no process would end this one
 * @returns ends the process in the same way, with another exit code, for a reason from within
 */
export function stopOnSignals(
  stop: () => Promise<void>,
  graceMs: number,
  logger: Logger,
): (exitCode: number) => void {
  let stopping = false;
  const end = (exitCode: number) => {
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        logger.error({ err: error }, 'shutdown failed');
        process.exit(1);
      },
    );
  };
  onStopSignals({
    first: () => end(0),
    second: (signal) => process.exit(128 + constants.signals[signal]),
  });
  exitWithParent(stop, graceMs);
  return end;
}
