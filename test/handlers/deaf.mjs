import { z } from 'zod';

/** A command type whose handler has its effect, then neither settles nor heeds its signal. */
export default {
  type: 'DEAF',
  payload: z.strictObject({ url: z.url() }),
  result: z.json(),
  timeoutMs: 300,
  async execute({ payload, commandId, attempt }) {
    await fetch(payload.url, {
      headers: { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) },
    });
    await new Promise(() => undefined);
  },
};
