import { type Outcome, type Report, type ReportWord } from '../../shared/lifecycle/transitions.js';
import { type Logger } from '../../shared/runtime/logger.js';

/**
 * An outcome that Fencepost refuses to store, however often it is sent, as other than one that cannot be
 * sent now. Nothing that was executed may be unreportable, and no outcome may hold up others: it is
 * reported as EXECUTION_FAILED, by itself.
 */

/** Returns the outcome that is reported in the place of a refused one. */
export function unreportable(why: string): Outcome {
  const message = `the outcome could not be stored: ${why}`;
  return {
    status: 'FAILED',
    code: 'EXECUTION_FAILED',
    message,
    executed: 'yes',
    retryable: false,
    pauseMs: 0,
  };
}

/** A value was refused. The message names what refused it, and the reason. */
export class OutcomeRefused extends Error {
  override readonly name = 'OutcomeRefused';
}

/**
 * Returns the error text of a call that a script refused. Undefined for an outage, a full or a loading Redis,
 * and missing rights: they all have codes of their own.
 */
export function refusalByScript(error: unknown): string | undefined {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (!isReply || !/^ERR .*\bscript:/s.test(error.message)) return undefined;
  return error.message.replace(/^ERR (?:user_script:\d+: )?/, '').replace(/ script: .*/s, '');
}

/**
 * Reports one outcome; where it is refused, what stands for it.
 *
 * @param send throws OutcomeRefused where the value is refused; what else it throws is passed on
 * @returns its word; `broken` when even what stands for it is refused: it waits in the journal, by itself
 */
export async function reportEvenIfRefused(
  report: Report,
  send: (report: Report) => Promise<ReportWord>,
  logger: Logger,
): Promise<ReportWord> {
  try {
    return await send(report);
  } catch (error) {
    if (!(error instanceof OutcomeRefused)) throw error;
    const about = { commandId: report.id, attempt: report.attempt, why: error.message };
    logger.error(about, 'this outcome cannot be stored: EXECUTION_FAILED is reported in its place');
    try {
      return await send({ ...report, outcome: unreportable(error.message) });
    } catch (again) {
      if (again instanceof OutcomeRefused) return 'broken';
      throw again;
    }
  }
}
