import { type Invariant, type InvariantNumber, type Violation } from './invariants/invariant.js';

/** Collects violations. The same of the same command counts once, however often it shows. */
export class Verdict {
  readonly #violations = new Map<string, Violation>();
  readonly #says = new Map<
    InvariantNumber,
    (commandId: string | null, what: string, evidence: unknown) => void
  >();

  constructor(invariants: readonly Invariant[]) {
    for (const { number: invariant } of invariants) {
      this.#says.set(invariant, (commandId, what, evidence) => {
        const key = `${invariant} ${commandId} ${what}`;
        if (!this.#violations.has(key)) this.#violations.set(key, { invariant, commandId, what, evidence });
      });
    }
  }

  sayFor(invariant: Invariant) {
    return this.#says.get(invariant.number) ?? (() => undefined);
  }

  violations(): Violation[] {
    return [...this.#violations.values()].sort((a, b) => a.invariant - b.invariant);
  }
}
