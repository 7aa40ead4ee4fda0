import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { z } from 'zod';

/** The work that both systems execute while their workers are killed. */
export const workSchema = z.strictObject({
  /** The URL of the ledger, which writes down every execution and never deduplicates. */
  url: z.url(),
  /** How long the first execution takes; any later one ends at once. */
  ms: z.int().min(0),
});
export type Work = z.infer<typeof workSchema>;

/** Longer than any process lives that executes it. */
export const longMs = 600_000;

const answerSchema = z.json();

/** Hundreds of executions begin at once: a connection for each would be most of the work. */
const dispatcher = new Agent({ connections: 16 });

/**
 * Has its effect, then takes its time.
 *
 * @param execution 1, 2, 3 …
 * @returns what the ledger answered
 */
export async function doWork({ url, ms }: Work, id: string, execution: number, signal?: AbortSignal) {
  const { body } = await request(url, {
    dispatcher,
    headers: { 'idempotency-key': id, 'fencepost-attempt': String(execution) },
  });
  const answer = answerSchema.parse(await body.json());
  if (execution === 1) await sleep(ms, undefined, { signal });
  return answer;
}
