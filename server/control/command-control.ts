import { type Redis } from 'ioredis';
import { type z } from 'zod';
import { cancel, retry, seeCommands, type SeenCommand } from '../../shared/lifecycle/cancel-and-retry.js';
import { type CommandSummary } from '../../shared/protocol/api.js';
import { type Status, statusSchema } from '../../shared/protocol/commands.js';
import {
  type cancelledManySchema,
  type CancelQuery,
  type retriedManySchema,
  type RetryQuery,
} from '../../shared/protocol/control-api.js';
import { pause } from '../../shared/runtime/service.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readPage } from '../commands/command-list.js';
import { type Position } from '../commands/page-cursor.js';
import { type RedisCalls } from '../redis/redis-link.js';

export type Refused =
  | { readonly word: 'gone' }
  | { readonly word: 'broken' }
  /** The status does not allow it; undefined when the command moved on each time that it was looked at. */
  | { readonly word: 'refused'; readonly status: Status | undefined };

export type CancelAnswer = Refused | { readonly word: 'cancelled' } | { readonly word: 'requested' };
export type RetryAnswer = Refused | { readonly word: 'retried'; readonly seen: SeenCommand };

/** How often a command that keeps moving on between look and call is looked at. */
const mostTries = 5;
/** Longer than the millisecond within which a failure cannot be distinguished from the next. */
const againMs = 2;

/**
 * Carries out the requests of operators. It looks at a command, names the state that it saw, and lets the
 * scripts decide: a command that has moved on since is left alone.
 */
export class CommandControl {
  readonly #link: RedisCalls;
  readonly #keys: PartitionKeys;

  constructor(link: RedisCalls, keys: PartitionKeys) {
    this.#link = link;
    this.#keys = keys;
  }

  cancel(id: string): Promise<CancelAnswer> {
    return this.#insist(id, ['PENDING', 'RUNNING'], async (redis, seen) => {
      const [word = 'gone'] = await cancel(redis, this.#keys, [seen]);
      return word === 'refused' ? word : { word };
    });
  }

  /** @param finishedAt of the failure that is meant, in ms; the last one when left out */
  retry(id: string, finishedAt?: number): Promise<RetryAnswer> {
    const meant = finishedAt === undefined ? undefined : String(finishedAt);
    // A named failure that is not the last one will never be the last again, so the call is not repeated.
    const mayTryAgain: Status[] = meant === undefined ? ['FAILED'] : [];
    return this.#insist(id, mayTryAgain, async (redis, seen) => {
      const [word = 'gone'] = await retry(redis, this.#keys, [{ id, finishedAt: meant ?? seen.finishedAt }]);
      return word === 'retried' ? { word, seen } : word === 'refused' ? word : { word };
    });
  }

  /** Cancels one page of the commands that wait, or run, and pass the filter. */
  cancelSome(query: CancelQuery, start: Position | undefined): Promise<z.input<typeof cancelledManySchema>> {
    return this.#link.call(async (redis) => {
      const { seen, nextCursor } = await this.#page(redis, query, start);
      const words = seen.length === 0 ? [] : await cancel(redis, this.#keys, seen);
      const [cancelled, requested] = [countOf('cancelled', words), countOf('requested', words)];
      return { cancelled, requested, skipped: words.length - cancelled - requested, nextCursor };
    });
  }

  /** Retries one page of the commands that failed and pass the filter. */
  retrySome(query: RetryQuery, start: Position | undefined): Promise<z.input<typeof retriedManySchema>> {
    const { code, executed } = query;
    const passes = ({ error }: CommandSummary) =>
      (code === undefined || error?.code === code) &&
      (executed === undefined || error?.executed === executed);
    return this.#link.call(async (redis) => {
      const { seen, nextCursor } = await this.#page(redis, query, start, passes);
      const words = seen.length === 0 ? [] : await retry(redis, this.#keys, seen);
      const retried = countOf('retried', words);
      const mayStillRun = seen.filter((one, i) => words[i] === 'retried' && one.mayStillRun).length;
      return { retried, mayStillRun, skipped: words.length - retried, nextCursor };
    });
  }

  /** Reads a page, and each of its commands a moment later: those that have left the status since are left alone. */
  async #page(
    redis: Redis,
    query: CancelQuery | RetryQuery,
    start: Position | undefined,
    passes?: (summary: CommandSummary) => boolean,
  ) {
    const { commands, nextCursor } = await readPage(redis, this.#keys, query, start, passes);
    const ids = commands.map(({ commandId }) => commandId);
    const seen = ids.length === 0 ? [] : await seeCommands(redis, this.#keys, ids);
    const still = seen.filter((one): one is SeenCommand => one?.status === query.status);
    return { seen: still, nextCursor };
  }

  /** Looks at the command and calls, and repeats both while the call is refused in a status that allows it. */
  async #insist<Answer>(
    id: string,
    mayTryAgain: readonly Status[],
    call: (redis: Redis, seen: SeenCommand) => Promise<'refused' | Answer>,
  ): Promise<Answer | Refused> {
    let status: Status | undefined;
    for (let tries = 1; tries <= mostTries; tries++) {
      const answer = await this.#link.call(async (redis) => {
        const [seen] = await seeCommands(redis, this.#keys, [id]);
        status = statusSchema.safeParse(seen?.status).data;
        // The script cannot read a command that cannot be read here either, and returns the reason.
        return call(redis, seen ?? unseen(id));
      });
      if (answer !== 'refused') return answer;
      if (status !== undefined && !mayTryAgain.includes(status)) return { word: 'refused', status };
      await pause(againMs);
    }
    return { word: 'refused', status: undefined };
  }
}

const unseen = (id: string): SeenCommand => ({
  id,
  status: '',
  attempt: 0,
  retried: '',
  finishedAt: '',
  mayStillRun: false,
});

const countOf = <Word>(word: Word, words: readonly Word[]) => words.filter((one) => one === word).length;
