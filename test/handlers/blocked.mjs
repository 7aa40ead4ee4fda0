import { z } from 'zod';

/**
 * A command type whose handler has its effect, then holds up its agent's event loop for `ms` in a call that
 * does not return, as a synchronous call to a disk or to another program does. Unlike BUSY it needs no
 * processor for that.
 */
export default {
  type: 'BLOCKED',
  payload: z.strictObject({ url: z.url(), ms: z.int() }),
  result: z.json(),
  timeoutMs: 60_000,
  async execute({ payload, commandId, attempt }) {
    const answer = await fetch(payload.url, {
      headers: { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) },
    });
    const result = await answer.json();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, payload.ms);
    return result;
  },
};
