/** Lets one through at a time, in the order in which they came. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn. @returns what lets the next one through; calling it twice is safe */
  async enter(): Promise<() => void> {
    const before = this.#last;
    let free: () => void = () => undefined;
    this.#last = new Promise((resolve) => (free = resolve));
    await before;
    return free;
  }
}
