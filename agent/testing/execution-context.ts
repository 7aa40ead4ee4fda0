import { createLogger } from '../../shared/runtime/logger.js';
import { type ExecutionContext } from '../commands/command-type.js';

const log = createLogger({ side: 'agent', level: 'silent' });

/** Returns the argument of a handler for a test of its own. */
export function contextOf<Payload>(
  payload: Payload,
  more: Partial<ExecutionContext<Payload>> = {},
): ExecutionContext<Payload> {
  const { signal } = new AbortController();
  const progress = () => undefined;
  return { commandId: 'c', attempt: 1, payload, signal, timeoutMs: 30_000, log, progress, ...more };
}
