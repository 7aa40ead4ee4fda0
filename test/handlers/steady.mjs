import { z } from 'zod';

/** A command type whose handler has its effect, then works for ever unless its signal is aborted. */
export default {
  type: 'STEADY',
  payload: z.strictObject({ url: z.url() }),
  result: z.json(),
  timeoutMs: 3_600_000,
  async execute({ payload, commandId, attempt, signal }) {
    await fetch(payload.url, {
      headers: { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) },
    });
    await new Promise((_, reject) => {
      const stop = () => reject(new Error('asked to stop'));
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
    });
  },
};
