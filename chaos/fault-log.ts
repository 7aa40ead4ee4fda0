import { type FaultKind, type FaultRecord } from './record.js';
import { type Watch } from './watch.js';

type Growing = { -readonly [Key in keyof FaultRecord]: FaultRecord[Key] };

export interface FaultPlace {
  readonly kind: FaultKind;
  readonly target: string;
  readonly point?: string | null;
  readonly event: number;
}

/** A fault that was injected, and what is seen of it from then on. */
export interface OpenFault {
  /**
   * Records that the fault was seen to have happened.
   *
   * @param inFlight commands, or keys of submissions in flight; those that have ended by now do not count
   */
  verified(proof: string, inFlight: readonly string[]): void;
  healed(): void;
  /** Removes a fault that did not happen because it had nothing to hit, unlike one that was injected and failed. */
  withdraw(): void;
}

/** Every fault of a round. */
export class FaultLog {
  readonly #watch: Watch;
  readonly #nowMs: () => number;
  readonly #faults: Growing[] = [];
  readonly #recoveries: Promise<void>[] = [];

  constructor(watch: Watch, nowMs: () => number) {
    this.#watch = watch;
    this.#nowMs = nowMs;
  }

  get records(): readonly FaultRecord[] {
    return this.#faults;
  }

  begin({ kind, target, point = null, event }: FaultPlace): OpenFault {
    const fault: Growing = {
      kind,
      target,
      point,
      event,
      injectedMs: this.#nowMs(),
      verifiedMs: null,
      proof: null,
      healedMs: null,
      inFlight: [],
      recoveredMs: null,
      overlapping: 0,
    };
    this.#faults.push(fault);
    return {
      verified: (proof, inFlight) => this.#verify(fault, proof, inFlight),
      healed: () => (fault.healedMs ??= this.#nowMs()),
      withdraw: () => void this.#faults.splice(this.#faults.indexOf(fault), 1),
    };
  }

  /** Completes the records once the round is at rest: keys of submissions become the ids that answered them. */
  async close(idsOf: (idOrKey: string) => readonly string[]): Promise<void> {
    // At rest every command has ended; one that has not leaves its faults unrecovered.
    await Promise.race([Promise.all(this.#recoveries), new Promise((resolve) => setTimeout(resolve, 2000))]);
    for (const fault of this.#faults) fault.inFlight = [...new Set(fault.inFlight.flatMap(idsOf))];
  }

  #verify(fault: Growing, proof: string, inFlight: readonly string[]): void {
    fault.overlapping = this.#faults.filter(
      (other) => other !== fault && other.verifiedMs !== null && other.healedMs === null,
    ).length;
    fault.verifiedMs = this.#nowMs();
    fault.proof = proof;
    fault.inFlight = [...new Set(inFlight)].filter((id) => this.#watch.isOpen(id));
    if (fault.inFlight.length === 0) return;
    const recovery = this.#watch.whenMoved(fault.inFlight).then((atMs) => void (fault.recoveredMs = atMs));
    this.#recoveries.push(recovery);
  }
}
