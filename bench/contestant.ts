/** A system that works off the load: submission in this process, execution in one of its own. */
export interface Contestant {
  readonly name: string;
  /** Starts its worker. Resolves when that waits for work. Submission alone needs none. */
  start(): Promise<void>;
  /** Submits no-ops of the load in one call, as the system takes one command, or many. */
  submit(count: number): Promise<void>;
  /**
   * Returns how many are completed, of those submitted here: read from Redis, so that neither system is charged
   * for reporting it.
   *
   * @throws when one failed
   */
  completed(): Promise<number>;
  /** SIGSTOP to its worker: it reads and executes nothing until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Rejects when its worker ends, and never resolves: to be raced with what it is to do. */
  died(): Promise<never>;
  /**
   * @param waiting how many no worker has begun
   * @throws when anything else is left behind, or was not completed: a round that lost work is no result
   */
  checkRest(waiting?: number): Promise<void>;
  /** Ends its worker and closes its connections, whatever state they are in. */
  stop(): Promise<void>;
}

/** Resolves with `work`. @throws also as soon as `signal` is aborted: what it left under way ends with its processes */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let give: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  });
  if (signal.aborted) give();
  else signal.addEventListener('abort', give, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', give);
  }
}

/** @throws when what was found at rest is not what must be there */
export function checkFound(name: string, found: object, wanted: object): void {
  const [seen, meant] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (seen !== meant) throw new Error(`${name} is not at rest: ${seen}, not ${meant}`);
}
