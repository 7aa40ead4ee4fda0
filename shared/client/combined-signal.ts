/** The cuts that one signal makes. */
class Cutter {
  static readonly #ofSignals = new WeakMap<AbortSignal, Cutter>();
  readonly #signal: AbortSignal;
  readonly #cuts = new Set<CombinedSignal>();
  readonly #onAbort = (): void => {
    for (const cut of [...this.#cuts]) cut.abort(this.#signal.reason);
  };

  private constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** One for each signal: Node takes more than ten listeners on one of them for a leak, and warns. */
  static of(signal: AbortSignal): Cutter {
    const known = Cutter.#ofSignals.get(signal) ?? new Cutter(signal);
    Cutter.#ofSignals.set(signal, known);
    return known;
  }

  add(cut: CombinedSignal): void {
    if (this.#signal.aborted) return cut.abort(this.#signal.reason);
    if (this.#cuts.size === 0) this.#signal.addEventListener('abort', this.#onAbort);
    this.#cuts.add(cut);
  }

  delete(cut: CombinedSignal): void {
    this.#cuts.delete(cut);
    if (this.#cuts.size === 0) this.#signal.removeEventListener('abort', this.#onAbort);
  }
}

/**
 * A signal that is aborted by others, or late. `AbortSignal.any` does this too, but each of its signals
 * weighs on a long-lived one until it is collected; here nothing is left after `release`.
 */
export class CombinedSignal {
  readonly #controller = new AbortController();
  readonly #cutters: readonly Cutter[];
  #timer: NodeJS.Timeout | undefined;

  constructor(others: readonly (AbortSignal | undefined)[], limitMs?: number) {
    this.#cutters = others.filter((other) => other !== undefined).map((other) => Cutter.of(other));
    for (const cutter of this.#cutters) cutter.add(this);
    if (limitMs !== undefined) this.limit(limitMs);
  }

  /** Aborted so long from now, unless it is released before. */
  limit(limitMs: number): void {
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
    for (const cutter of this.#cutters) cutter.delete(this);
  }
}
