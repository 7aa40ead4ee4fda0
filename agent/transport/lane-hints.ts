import { laneOf } from '../../shared/store/lanes.js';

/** The commands that an agent can take. */
export interface Takes {
  readonly queues: readonly string[];
  /** Empty: all. */
  readonly types: readonly string[];
}

/**
 * Hints that a command was moved to a lane of which this agent can take. They are numbered, so that one that
 * comes between a look and the wait after it is not missed.
 */
export class LaneHints {
  readonly #queues: ReadonlySet<string>;
  readonly #types: ReadonlySet<string>;
  #count = 0;
  #waiting = new Set<() => void>();

  constructor({ queues, types }: Takes) {
    this.#queues = new Set(queues);
    this.#types = new Set(types);
  }

  /** How many there were. Take it before a look, and wait for one that came `after` it. */
  get count(): number {
    return this.#count;
  }

  /** @param lanes `gap`: any may have been missed */
  note(lanes: readonly string[] | 'gap'): void {
    if (lanes !== 'gap' && !lanes.some((lane) => this.#isFor(lane))) return;
    this.#count++;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves once there is a hint that was not yet counted, or on `signal`. */
  async after(count: number, signal: AbortSignal): Promise<'hint'> {
    if (this.#count > count || signal.aborted) return 'hint';
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
    return 'hint';
  }

  #isFor(name: string): boolean {
    const lane = laneOf(name);
    if (!lane || !this.#queues.has(lane.queue)) return false;
    return this.#types.size === 0 || this.#types.has(lane.type);
  }
}
