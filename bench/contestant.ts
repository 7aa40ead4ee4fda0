/** A system that works off the load: submission in this process, execution in one of its own. */
export interface Contestant {
  readonly name: string;
  /** Starts its worker. Resolves when that waits for work. */
  start(): Promise<void>;
  /**
   * Submits one round of commands. Resolves when the last of them is completed.
   *
   * @throws when one fails, the worker ends, or `signal` is aborted
   */
  run(signal: AbortSignal): Promise<void>;
  /** @throws when anything is left behind, or was not completed: a round that lost work is no result */
  checkRest(): Promise<void>;
  /** Ends its worker and closes its connections, whatever state they are in. */
  stop(): Promise<void>;
}

/** Rejects as soon as `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}
