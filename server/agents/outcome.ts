import { type Outcome } from '../../shared/lifecycle/transitions.js';
import { type ReportBody } from '../../shared/protocol/agent-api.js';
import { limits } from '../../shared/protocol/commands.js';
import { invalid } from '../http/problem.js';

/**
 * Converts an agent's report into the outcome of its attempt.
 *
 * @param raw the result as it was sent: zod's copy of it lacks keys named `__proto__`
 * @throws Problem
 */
export function outcomeOf({ status, error }: ReportBody, raw: unknown): Outcome {
  const result = raw === undefined ? undefined : resultText(raw);
  if (status === 'COMPLETED') {
    if (error) throw invalid([{ field: 'error', message: 'is only for status FAILED' }]);
    return { status, result: result ?? 'null' };
  }
  if (!error) throw invalid([{ field: 'error', message: 'is required with status FAILED' }]);
  const { retryAfterMs: pauseMs, ...rest } = error;
  return { status, ...rest, result, pauseMs };
}

function resultText(raw: unknown): string {
  const text = JSON.stringify(raw);
  if (Buffer.byteLength(text) <= limits.resultBytes) return text;
  throw invalid([
    {
      field: 'result',
      message: `must be at most ${limits.resultBytes} bytes as JSON; report EXECUTION_FAILED, executed yes, instead`,
    },
  ]);
}
