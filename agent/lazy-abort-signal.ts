/**
 * An `AbortController` that is made when its handler first reads the signal: most commands are done before
 * that, and making a controller costs more than everything else that starts an execution.
 */
export class LazyAbortSignal {
  #controller: AbortController | undefined;
  #reason: unknown;
  #aborted = false;
  #listener: () => void = () => undefined;

  /** Why it was aborted; undefined as long as it was not. */
  get reason(): unknown {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason stays. */
  abort(reason: Error): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#listener();
  }

  /** One listener: called at once when it was aborted before. */
  whenAborted(listener: () => void): void {
    this.#listener = listener;
    if (this.#aborted) listener();
  }
}
