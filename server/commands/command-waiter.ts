import { type CommandView } from '../../shared/protocol/commands.js';
import { isAborted, pause } from '../../shared/runtime/service.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type TransitionFeed } from '../events/transition-feed.js';

export interface CommandWaiterOptions {
  readonly read: (id: string) => Promise<CommandView | undefined>;
  /** Reads the status without the rest, which may be large, since this is read repeatedly. Null when there is none. */
  readonly readStatus: (id: string) => Promise<string | null>;
  readonly feed: Pick<TransitionFeed, 'listen'>;
  /** How long a hint may be late: a waiting caller reads at least this often, while they are few. */
  readonly rereadMs?: number;
}

/** Reads per second that all waiting callers may cost together, whatever their number. */
const mostRereads = 1000;

const isTerminal = (status: string) => status === 'COMPLETED' || status === 'FAILED';

/**
 * Holds callers until a command is terminal.
 *
 * The feed's hints make it fast; reading makes it reliable: before the first wait (after listening has
 * begun, so that nothing falls between), after every gap of the feed, and periodically: once a second, or,
 * when more than a thousand callers wait, a thousand of them each second.
 */
export class CommandWaiter {
  readonly #options: CommandWaiterOptions;
  readonly #waiting = new Set<Wait>();
  #ending = false;

  constructor(options: CommandWaiterOptions) {
    this.#options = options;
  }

  /** Ends every wait with the command's present state, and lets none begin: the server stops. */
  end(): void {
    this.#ending = true;
    for (const wait of this.#waiting) wait.ring();
  }

  /** How many callers wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param waitMs at most
   * @param gone aborted when the client no longer waits for the answer
   * @returns the command, terminal or as it was at the end of the wait; undefined when there is none
   * @throws what `read` throws; RedisUnavailable only when Redis is still away at the end of the wait: a
   *   client that waits is not sent away because Redis is restarted, or loads what it has stored
   */
  async wait(id: string, waitMs: number, gone: AbortSignal): Promise<CommandView | undefined> {
    const until = performance.now() + waitMs;
    const wait = new Wait();
    const unlisten = this.#options.feed.listen(id, {
      onTransition: ({ status }) => {
        if (isTerminal(status)) wait.ring();
      },
      onGap: () => wait.ring(),
    });
    const onGone = () => wait.ring();
    gone.addEventListener('abort', onGone);
    this.#waiting.add(wait);
    try {
      const goesOn = () => performance.now() < until && !this.#ending && !isAborted(gone);
      const pause = () => wait.pause(Math.min(Math.ceil(until - performance.now()), this.#rereadMs()));
      let first = await this.#readIfThere(id, goesOn);
      while (first === 'away') {
        await pause();
        first = await this.#readIfThere(id, goesOn);
      }
      if (!first || isTerminal(first.status) || waitMs === 0) return first;
      while (goesOn()) {
        await pause();
        if (await this.#hasEnded(id)) break;
      }
      return isAborted(gone) ? first : await this.#options.read(id);
    } finally {
      this.#waiting.delete(wait);
      gone.removeEventListener('abort', onGone);
      unlisten();
    }
  }

  #rereadMs(): number {
    const { rereadMs = 1000 } = this.#options;
    return Math.max(rereadMs, (this.#waiting.size * 1000) / mostRereads);
  }

  /** @returns `away` when Redis is, and there is time to read again. @throws what `read` throws otherwise */
  async #readIfThere(id: string, goesOn: () => boolean): Promise<CommandView | undefined | 'away'> {
    try {
      return await this.#options.read(id);
    } catch (error) {
      if (!(error instanceof RedisUnavailable) || !goesOn()) throw error;
      return 'away';
    }
  }

  /** Whether there is a reason to read the whole command: it is terminal, or gone. */
  async #hasEnded(id: string): Promise<boolean> {
    try {
      const status = await this.#options.readStatus(id);
      return status === null || isTerminal(status);
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return false;
    }
  }
}

/** One waiting caller. */
class Wait {
  // A bell rings once, and is then replaced. A ring during a read is not lost.
  #bell = new AbortController();

  ring(): void {
    this.#bell.abort();
  }

  /** Resolves after `ms`, or when it is rung. */
  async pause(ms: number): Promise<void> {
    await pause(ms, this.#bell.signal);
    if (this.#bell.signal.aborted) this.#bell = new AbortController();
  }
}
