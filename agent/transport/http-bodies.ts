import { type Outcome, type StartedCommand } from '../../shared/lifecycle/transitions.js';
import { type NextCommand } from '../../shared/protocol/agent-api.js';

/** Converts between the bodies of HTTP and what the rest of an agent works with. */

/** The entry names only the attempt: the server finds the delivery by it. */
export function startedBy(given: NextCommand): StartedCommand {
  const { commandId: id, payload, timeoutMs, queue, attempt, ticket, type, onAgentLost } = given;
  const entry = `${id}:${attempt}`;
  const text = JSON.stringify(payload);
  const asked = { payload: text, timeoutMs: timeoutMs ?? undefined, onAgentLost };
  return { queue, entry, ticket, id, attempt, type, ...asked };
}

/** An outcome as `PUT /commands/:id/result` takes it. */
export function bodyOf(outcome: Outcome) {
  const result = outcome.result === undefined ? {} : { result: JSON.parse(outcome.result) as unknown };
  if (outcome.status === 'COMPLETED') return { status: outcome.status, ...result };
  const { status, code, message, executed, retryable, pauseMs: retryAfterMs } = outcome;
  return { status, ...result, error: { code, message, executed, retryable, retryAfterMs } };
}
