import { z } from 'zod';

/** A command type whose handler has its effect, then blocks its agent's event loop for `ms`. */
export default {
  type: 'BUSY',
  payload: z.strictObject({ url: z.url(), ms: z.int() }),
  result: z.json(),
  timeoutMs: 60_000,
  async execute({ payload, commandId, attempt }) {
    const answer = await fetch(payload.url, {
      headers: { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) },
    });
    const result = await answer.json();
    const end = performance.now() + payload.ms;
    while (performance.now() < end);
    return result;
  },
};
