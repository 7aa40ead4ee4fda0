import { type CommandView, type Status } from '../../shared/protocol/commands.js';
import { pause } from '../../shared/runtime/service.js';
import { type TransitionFeed } from './transition-feed.js';

export interface CommandWaiterOptions {
  readonly read: (id: string) => Promise<CommandView | undefined>;
  readonly feed: TransitionFeed;
  /** How long a hint may be late: a waiting caller reads at least this often. */
  readonly rereadMs?: number;
}

const isTerminal = (status: Status) => status === 'COMPLETED' || status === 'FAILED';

/**
 * Holds callers until a command is terminal.
 *
 * The feed's hints make it fast; reading makes it true: before the first wait (after listening has
 * begun, so that nothing falls between), after every gap of the feed, and at least once a second.
 */
export class CommandWaiter {
  readonly #options: CommandWaiterOptions;
  readonly #waiting = new Set<AbortController>();
  #ending = false;

  constructor(options: CommandWaiterOptions) {
    this.#options = options;
  }

  /** Ends every wait with the command's present state, and lets none begin: the server stops. */
  end(): void {
    this.#ending = true;
    for (const bell of this.#waiting) bell.abort();
  }

  /** How many callers wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param waitMs at most
   * @param gone aborted when nobody waits for the answer any more
   * @returns the command, terminal or as it was at the end of the wait; undefined when there is none
   * @throws what `read` throws: a wait does not outlast an outage
   */
  async wait(id: string, waitMs: number, gone: AbortSignal): Promise<CommandView | undefined> {
    const { read, feed, rereadMs = 1000 } = this.#options;
    const until = performance.now() + waitMs;
    // A bell rings once; each round has a new one.
    let bell = this.#newBell();
    const ring = () => bell.abort();
    const unlisten = feed.listen(id, {
      onTransition: ({ status }) => {
        if (isTerminal(status)) ring();
      },
      onGap: ring,
    });
    gone.addEventListener('abort', ring);
    try {
      for (;;) {
        const command = await read(id);
        const leftMs = until - performance.now();
        if (!command || isTerminal(command.status)) return command;
        if (leftMs <= 0 || this.#ending || gone.aborted) return command;
        await pause(Math.min(Math.ceil(leftMs), rereadMs), bell.signal);
        this.#waiting.delete(bell);
        bell = this.#newBell();
      }
    } finally {
      this.#waiting.delete(bell);
      gone.removeEventListener('abort', ring);
      unlisten();
    }
  }

  #newBell(): AbortController {
    const bell = new AbortController();
    this.#waiting.add(bell);
    return bell;
  }
}
