import { type Logger } from '../shared/runtime/logger.js';
import { messageOf, stackOf } from '../shared/runtime/thrown.js';

/** How to end a process that has lost track of its work, and the logger that has the context of that work. */
export interface UnhandledErrorsOptions {
  readonly logger: () => Logger;
  /** Stops in good order, then exits with this code. Called once. */
  readonly end: (exitCode: number) => void;
}

/**
 * Logs what no code of this process catches: a promise that a handler left behind and that rejects, an error in
 * a timer or in a listener. The process then stops in good order: what runs beside is finished and reported.
 * Only for a process that is an agent's own: one that embeds an agent decides for itself.
 *
 * @returns takes its listeners away again
 */
export function endOnUnhandledErrors({ logger, end }: UnhandledErrorsOptions): () => void {
  let ending = false;
  const handle = (what: string) => (thrown: unknown) => {
    const about = { message: messageOf(thrown), stack: stackOf(thrown) };
    if (ending) return logger().error(about, `${what}, while this process stops`);
    ending = true;
    logger().fatal(about, `${what}, as of a handler that left work behind: this process stops`);
    end(1);
  };
  const onRejection = handle('a promise was rejected that nothing awaits');
  const onException = handle('an error was thrown that nothing catches');
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return () => {
    process.off('unhandledRejection', onRejection);
    process.off('uncaughtException', onException);
  };
}
