import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

/**
 * The chaos run's own command type, which its agents load as users load theirs. It has its effect, and reports
 * its progress step by step. Each progress names its attempt and the ledger's answer to that attempt, so that
 * the history checker can attribute it, whatever Redis holds.
 *
 * A plain object, since the agent's image has no package `fencepost`.
 */
export default {
  type: 'STEPS',
  payload: z.strictObject({ url: z.url(), steps: z.int().min(2), everyMs: z.int().min(0) }),
  result: z.strictObject({ body: z.json(), steps: z.int() }),
  async execute({ payload, commandId, attempt, signal, progress }) {
    const { url, steps, everyMs } = payload;
    progress({ attempt, step: 1, body: null });
    const answer = await fetch(url, {
      headers: {
        'idempotency-key': commandId,
        'fencepost-attempt': String(attempt),
        // An agent that was frozen would send the next request over a connection that is closed by now.
        connection: 'close',
      },
      signal,
    });
    const body = await answer.json();
    for (let step = 2; step <= steps; step++) {
      progress({ attempt, step, body });
      await pause(everyMs, undefined, { signal });
    }
    return { body, steps };
  },
};
