import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ExecutionError } from './command-type.js';
import { defineCommand } from './define-command.js';

const dayMs = 24 * 3600 * 1000;

/** Waits: for trying things out, and for measuring what the broker itself costs. */
export default defineCommand({
  type: 'DELAY',
  payload: z.strictObject({ ms: z.int().min(0).max(dayMs) }),
  result: z.strictObject({ ok: z.literal(true), tookMs: z.int().min(0) }),
  timeoutMs: { payloadField: 'ms', plusMs: 60_000 },

  async execute(context) {
    const { ms } = context.payload;
    if (ms === 0) return { ok: true as const, tookMs: 0 };
    const { signal } = context;
    const startedAt = performance.now();
    const elapsedMs = () => performance.now() - startedAt;
    try {
      // A timer may fire up to a millisecond early; then the rest is waited for.
      for (let leftMs = ms; leftMs > 0; leftMs = ms - elapsedMs()) {
        await sleep(Math.ceil(leftMs), undefined, { signal });
      }
      signal.throwIfAborted();
    } catch (error) {
      const stoppedAfterMs = Math.floor(elapsedMs());
      throw new ExecutionError(`stopped after ${stoppedAfterMs} of ${ms} ms`, { cause: error });
    }
    return { ok: true as const, tookMs: Math.floor(elapsedMs()) };
  },
});
