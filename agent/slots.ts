import { once, EventEmitter } from 'node:events';
import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { type Demand } from './transport/transport.js';

/** How many ended attempts are remembered at least: far more come and go while an answer is under way. */
const mostRemembered = 10_000;

/** One attempt: what an agent executes at most once. */
export const attemptKey = (command: Pick<StartedCommand, 'id' | 'attempt'>) =>
  `${command.id}:${command.attempt}`;

/**
 * One delivery of an attempt. A command that was deleted, and submitted anew with its key, begins again
 * with its first attempt: an agent that remembered attempts by their number would refuse the new one for ever.
 */
const deliveryKey = (command: StartedCommand) => `${attemptKey(command)}:${command.ticket ?? command.entry}`;

/**
 * The commands that an agent has in flight: from the reply that started a command until the answer to its report.
 * At most `concurrency` of them execute, and at most twice as many are in flight, the others with their outcome on
 * its way; but only one at concurrency 1: one command at a time.
 */
export class Slots {
  readonly #concurrency: number;
  readonly #leavesToReports: boolean;
  readonly #held = new Map<string, { entry: string; delivery: string; executing: boolean }>();
  /** The deliveries, by attempt, that wait for the end of another delivery of the same attempt. */
  readonly #postponed = new Map<string, StartedCommand>();
  /** Two generations: the older one is forgotten when the younger one is full. */
  #ended = new Set<string>();
  #endedBefore = new Set<string>();
  readonly #changes = new EventEmitter();
  #executing = 0;

  /**
   * @param options.leavesToReports places that outcomes on their way will free are filled by the calls
   *   that report them: no other call fetches meanwhile
   */
  constructor(concurrency: number, { leavesToReports = false } = {}) {
    this.#concurrency = concurrency;
    this.#leavesToReports = leavesToReports;
  }

  /** How many commands are in flight. */
  get held(): number {
    return this.#held.size;
  }

  get executing(): number {
    return this.#executing;
  }

  /**
   * Takes an attempt.
   *
   * @returns false when it was taken before: the reply that gave it came twice, on two ways, and it must not be
   *   executed twice. Also while another delivery of it is in flight: `release` returns it then
   */
  take(command: StartedCommand): boolean {
    const key = attemptKey(command);
    const delivery = deliveryKey(command);
    if (this.#ended.has(delivery) || this.#endedBefore.has(delivery)) return false;
    const held = this.#held.get(key);
    if (held) {
      if (held.delivery !== delivery) this.#postponed.set(key, command);
      return false;
    }
    this.#held.set(key, { entry: command.entry, delivery, executing: true });
    this.#executing++;
    return true;
  }

  /** Records that the handler has settled; the outcome is on its way. */
  executed(command: StartedCommand): void {
    const held = this.#held.get(attemptKey(command));
    if (!held?.executing) return;
    held.executing = false;
    this.#executing--;
    this.#changes.emit('change');
  }

  /**
   * Releases an attempt whose report was answered.
   *
   * @returns another delivery of the same attempt that came meanwhile, to be taken now: its command was deleted and
   *   submitted anew, and to wait until it is given once more could take longer than its lease
   */
  release(command: StartedCommand): StartedCommand | undefined {
    this.executed(command);
    const key = attemptKey(command);
    const postponed = this.#postponed.get(key);
    this.#postponed.delete(key);
    this.#held.delete(key);
    this.#ended.add(deliveryKey(command));
    if (this.#ended.size === mostRemembered) {
      this.#endedBefore = this.#ended;
      this.#ended = new Set();
    }
    this.#changes.emit('change');
    return postponed;
  }

  /** Returns what may be fetched now. */
  demand(): Demand {
    return this.#demandFor(this.#held, this.#fetchable());
  }

  /** Returns what may be started by a call that reports these first. */
  demandAfter(ending: readonly Pick<StartedCommand, 'id' | 'attempt'>[]): Demand {
    const staying = new Map(this.#held);
    for (const one of ending) staying.delete(attemptKey(one));
    // Postponed deliveries of these attempts are taken as soon as these are released.
    const coming = [...this.#postponed.keys()].filter((key) => !staying.has(key)).length;
    return this.#demandFor(staying, Math.max(0, this.#free(staying.size) - coming));
  }

  #demandFor(held: ReadonlyMap<string, { entry: string }>, free: number): Demand {
    // Over HTTP two deliveries of one attempt bear one name.
    const inFlight = new Set<string>();
    for (const { entry } of held.values()) inFlight.add(entry);
    // Postponed deliveries count as well, or each call would give them again, as fast as calls are answered.
    for (const { entry } of this.#postponed.values()) inFlight.add(entry);
    return { limit: inFlight.size + free, inFlight: [...inFlight] };
  }

  /** Resolves when another command may be started, or `signal` is aborted. */
  async free(signal: AbortSignal): Promise<void> {
    while (this.#fetchable() === 0 && !signal.aborted) {
      // Rejects when the signal is aborted, which the condition sees.
      await once(this.#changes, 'change', { signal }).catch(() => undefined);
    }
  }

  #fetchable(): number {
    const outcomesOnTheirWay = this.#held.size - this.#executing;
    return this.#leavesToReports && outcomesOnTheirWay > 0 ? 0 : this.#free(this.#held.size);
  }

  #free(held: number): number {
    const most = this.#concurrency === 1 ? 1 : 2 * this.#concurrency;
    return Math.max(0, Math.min(this.#concurrency - this.#executing, most - held));
  }
}
