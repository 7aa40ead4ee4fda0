import { type Redis } from 'ioredis';
import { type z } from 'zod';
import { cancel, retry, seeCommands, type SeenCommand } from '../../shared/lifecycle/control.js';
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
import { readPage } from '../reading/command-list.js';
import { type Position } from '../reading/position.js';
import { type RedisCalls } from '../redis/redis-link.js';

export type Refused =
  | { readonly word: 'gone' }
  | { readonly word: 'broken' }
  /** The status does not allow it; undefined: it moved on each time that it was looked at. */
  | { readonly word: 'refused'; readonly status: Status | undefined };

export type CancelAnswer = Refused | { readonly word: 'cancelled' } | { readonly word: 'requested' };
export type RetryAnswer = Refused | { readonly word: 'retried'; readonly seen: SeenCommand };

/** A command that moves on between look and call is looked at again, so often. */
const mostTries = 5;
/** Longer than the millisecond for which a failure cannot be told from the next. */
const againMs = 2;

/**
 * Carries out what operators ask for. It looks, names what it saw, and lets the scripts decide: whatever
 * a call meets that has moved on since is not hit by it.
 */
export class Operator {
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
    // Of a named failure that is not the last one, nothing will ever make it so.
    const mayTryAgain: Status[] = meant === undefined ? ['FAILED'] : [];
    return this.#insist(id, mayTryAgain, async (redis, seen) => {
      const [word = 'gone'] = await retry(redis, this.#keys, [{ id, finishedAt: meant ?? seen.finishedAt }]);
      return word === 'retried' ? { word, seen } : word === 'refused' ? word : { word };
    });
  }

  /** One step: a page of what waits, or runs, and passes the filter. */
  cancelSome(query: CancelQuery, start: Position | undefined): Promise<z.input<typeof cancelledManySchema>> {
    return this.#link.call(async (redis) => {
      const { seen, nextCursor } = await this.#page(redis, query, start);
      const words = seen.length === 0 ? [] : await cancel(redis, this.#keys, seen);
      const [cancelled, requested] = [countOf('cancelled', words), countOf('requested', words)];
      return { cancelled, requested, skipped: words.length - cancelled - requested, nextCursor };
    });
  }

  /** One step: a page of what failed and passes the filter. */
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

  /** What a page shows, as it is a moment later: what has left the status since is left alone. */
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

  /** Looks and calls, again as long as it is refused in a status that allows it. */
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
        // What cannot be read the script cannot read either, and says why.
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
