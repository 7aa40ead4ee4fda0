import { ConfigError } from '../shared/runtime/config.js';
import { outliveOutput, standardError } from '../shared/runtime/log-output.js';
import { createLogger } from '../shared/runtime/logger.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { loadStackConfig } from './stack-config.js';
import { Stack, type StackPrograms } from './stack.js';
import { StartError } from './start-error.js';

/**
 * Runs `npm start` from its arguments to its exit code: 0 when a signal stopped it, 1 when it could not start
 * or a second signal cut the stop short. Problems that the user can fix are printed as plain lines, without a
 * stack trace.
 *
 * Closed output stops nothing (`npm start | head`): an unread log must not end the deployment that it describes.
 */
export async function runStack(argv: readonly string[], programs: StackPrograms): Promise<void> {
  outliveOutput();
  const { config, agentFlags } = orExit(() => loadStackConfig(argv));
  const logger = createLogger({ side: 'stack', level: config.logLevel, pretty: config.logPretty });
  const stack = new Stack({ config, agentFlags, programs, logger });
  onStopSignals({
    first: (signal) => {
      logger.info(`${signal}: stopping agents, server and Redis; repeat to exit at once`);
      void stack.stop().then(() => {
        logger.info('stopped');
        process.exit(0);
      });
    },
    second: (signal) => {
      logger.warn(`${signal} again: exiting at once`);
      stack.kill();
      process.exit(1);
    },
  });
  const fault = await startOrSayWhyNot(stack);
  if (fault === undefined) return;
  await stack.stop();
  tell(fault);
  process.exit(1);
}

/** Returns the message for the user when the stack could not start. */
async function startOrSayWhyNot(stack: Stack): Promise<string | undefined> {
  try {
    const outcome = await stack.start();
    return outcome === 'refused'
      ? 'A program refused to start, for the reason above; everything is stopped again'
      : undefined;
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
}

function orExit<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    error.faults.forEach(tell);
    process.exit(1);
  }
}

function tell(line: string): void {
  standardError.write(`${line}\n`);
}
