/**
 * The load, the same for both systems: no-ops that are submitted by this process and worked off by one
 * other, so that what is measured is the broker.
 */
export const load = {
  /** What Fencepost calls a type and BullMQ a job's name. */
  type: 'DELAY',
  payload: { ms: 0 },
  /** What the handler of that type answers; BullMQ's processor answers it too. */
  result: { ok: true, tookMs: 0 },
  batch: 100,
  /** With one batch under way, submission would wait for the disk while the worker runs dry. */
  batchesInFlight: 2,
  concurrency: 100,
} as const;

/** Submits `commands` in batches, some of them in flight at a time. @throws what `submit` throws first */
export async function inBatches(commands: number, submit: (size: number) => Promise<void>): Promise<void> {
  let left = commands;
  const lane = async () => {
    while (left > 0) {
      const size = Math.min(left, load.batch);
      left -= size;
      await submit(size);
    }
  };
  await Promise.all(Array.from({ length: load.batchesInFlight }, lane));
}
