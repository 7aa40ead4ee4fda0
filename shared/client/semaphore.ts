interface Waiter {
  readonly letThrough: () => void;
  hasLeft: boolean;
}

/** Lets so many callers through at once, in the order in which they came. A waiting caller may leave. */
export class Semaphore {
  #free: number;
  /** The first is the last of `#front`, or the first of `#back`: taking the first of a long array is slow. */
  #front: Waiter[] = [];
  #back: Waiter[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /**
   * Resolves when it is the caller's turn.
   *
   * @returns what lets the next one through, to be called once
   * @throws the reason of the signal
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait(signal))) signal.throwIfAborted();
    return () => this.#next();
  }

  /** @returns false when the caller has left */
  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = () => {
        waiter.hasLeft = true;
        resolve(false);
      };
      const letThrough = () => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const waiter = { letThrough, hasLeft: false };
      signal.addEventListener('abort', leave, { once: true });
      this.#back.push(waiter);
    });
  }

  #next(): void {
    const first = this.#takeFirst();
    if (first) first.letThrough();
    else this.#free += 1;
  }

  #takeFirst(): Waiter | undefined {
    for (;;) {
      if (this.#front.length === 0) [this.#front, this.#back] = [this.#back.reverse(), []];
      const first = this.#front.pop();
      if (!first?.hasLeft) return first;
    }
  }
}
