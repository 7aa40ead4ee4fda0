/**
 * The load, the same for all: no-ops that are submitted by this process and worked off by one other, so that
 * what is measured is the broker.
 */
export const load = {
  /** The type in Fencepost, and the name of the job in BullMQ. */
  type: 'DELAY',
  payload: { ms: 0 },
  /** The result of the handler of that type; BullMQ's processor returns it too. */
  result: { ok: true, tookMs: 0 },
  batch: 100,
  /** With one batch under way, submission would wait for the disk while the worker runs dry. */
  batchesInFlight: 2,
  concurrency: 100,
} as const;

/** How commands are submitted. */
export interface Stream {
  readonly commands: number;
  /** Per call. */
  readonly batch: number;
  /** Calls in flight at a time. */
  readonly inFlight: number;
}

/** Returns a stream of `commands` of the load, in the batches that the load defines. */
export const inLoadBatches = (commands: number): Stream => ({
  commands,
  batch: load.batch,
  inFlight: load.batchesInFlight,
});

/** Submits a stream. @throws what `submit` throws first */
export async function submitStream(
  { commands, batch, inFlight }: Stream,
  submit: (size: number) => Promise<void>,
): Promise<void> {
  let left = commands;
  const lane = async () => {
    while (left > 0) {
      const size = Math.min(left, batch);
      left -= size;
      await submit(size);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}
