import { z } from 'zod';

/** Command types by name, in an array, and things that are none: all of it one ES module. */

export const payload = z.strictObject({ url: z.url(), until: z.int() });

/** Has its effect, then counts up to `until`, a step every few milliseconds. */
export const count = {
  type: 'COUNT',
  payload,
  result: z.strictObject({ counted: z.int(), body: z.json() }),
  timeoutMs: 60_000,
  async execute({ payload, commandId, attempt, signal, log, progress }) {
    const answer = await fetch(payload.url, {
      headers: { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) },
    });
    for (let counted = 0; counted < payload.until && !signal.aborted; counted++) {
      progress({ counted, of: payload.until });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    signal.throwIfAborted();
    log.info({ counted: payload.until }, 'counted');
    progress({ counted: payload.until, of: payload.until });
    return { counted: payload.until, body: await answer.json() };
  },
};

export const others = ['LEFT', 'RIGHT'].map((type) => ({
  type,
  payload: z.null(),
  result: z.string(),
  execute: () => Promise.resolve(type.toLowerCase()),
}));

export default { ...others[0], type: 'MIDDLE' };
