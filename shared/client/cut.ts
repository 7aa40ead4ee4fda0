/**
 * A signal that is aborted by others, or late. `AbortSignal.any` does this too, but each of its signals
 * weighs on a long-lived one until it is collected; here nothing is left after `release`.
 */
export class Cut {
  readonly #controller = new AbortController();
  readonly #others: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = (): void => {
    this.abort(this.#others.find(({ aborted }) => aborted)?.reason);
  };

  constructor(others: readonly (AbortSignal | undefined)[], limitMs?: number) {
    this.#others = others.filter((other) => other !== undefined);
    for (const other of this.#others) other.addEventListener('abort', this.#onAbort);
    if (this.#others.some(({ aborted }) => aborted)) this.#onAbort();
    if (limitMs === undefined) return;
    this.#timer = setTimeout(() => this.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  release(): void {
    clearTimeout(this.#timer);
    for (const other of this.#others) other.removeEventListener('abort', this.#onAbort);
  }
}
