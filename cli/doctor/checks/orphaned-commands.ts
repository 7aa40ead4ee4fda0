import { z } from 'zod';
import { type Check, fail, pass } from '../check.js';
import { type CommandState, readCommandState } from '../command-state.js';
import { readAtOnce } from '../../../shared/store/read-at-once.js';
import { proseList } from '../prose-list.js';
import { type Snapshot } from '../snapshot.js';

const pageSize = 500;
/** The newest commands, which are looked at when the numbers do not fit together. */
const mostCommands = 200_000;

/** Every command that has not ended is on a stream or scheduled, once: the numbers show whether one is missing. */
export const orphanedCommands: Check = {
  name: 'orphaned-commands',
  about: 'each unfinished command is on a stream or scheduled',
  needs: ['redis'],
  async run(snapshot) {
    const { open, named } = await count(snapshot);
    const detail = `${open} open, ${named} on streams and scheduled`;
    if (open <= named) return pass(detail);
    const lost = await find(snapshot);
    // The last of them has ended, or was requeued, since they were counted.
    if (lost.length === 0) return pass(detail);
    const leaseMs = await snapshot.leaseMs();
    return fail(detail, {
      problem: `no entry or schedule names ${proseList(
        lost.map(({ id, status }) => `${id} (${status ?? ''})`),
        'command',
      )} any more: an operator or another program deleted an entry, a stream or the set of scheduled commands`,
      impact:
        'no agent is given it, and the loss of its agent is not noticed, until a server has requeued it or ended it by the lost-agent policy',
      fix: `wait: each server does that within ${(2 * leaseMs) / 1000} s at most. If the command is found again after that, search the server's log for "resolved orphaned command"`,
      commands: [`sleep ${Math.ceil((2 * leaseMs) / 1000)}; npx fencepost doctor`],
    });
  },
};

/** Counts at one moment: under load, numbers of different moments do not fit together. */
async function count({ redis, keys, queues }: Snapshot): Promise<{ open: number; named: number }> {
  const streams = (await queues()).map(({ stream }) => stream);
  const [counts, ...places] = await readAtOnce(
    redis,
    [keys.counts, keys.scheduled, ...streams],
    [
      ['HMGET', keys.counts, 'PENDING', 'RUNNING'],
      ['ZCARD', keys.scheduled],
      ...streams.map((stream) => ['XLEN', stream]),
    ],
  );
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  return {
    open: sum(z.array(z.coerce.number()).catch([]).parse(counts)),
    named: sum(places.map((length) => z.number().catch(0).parse(length))),
  };
}

async function find({ redis, keys }: Snapshot): Promise<CommandState[]> {
  const lost: CommandState[] = [];
  for (let rank = 0; rank < mostCommands; rank += pageSize) {
    const ids = await redis.zrevrange(keys.index, rank, rank + pageSize - 1);
    if (ids.length === 0) break;
    const places = await Promise.all(
      ids.map(async (id) => ({
        id,
        row: await redis
          .hmget(keys.command(id), 'status', 'queue', 'entry')
          .catch((): null[] => [null, null, null]),
      })),
    );
    const open = places.filter(({ row: [status] }) => isOpen(status ?? undefined));
    const states = await Promise.all(
      open.map(({ id, row: [, queue, entry] }) =>
        readCommandState(redis, keys, { id, queue: queue ?? '', entry: entry ?? '' }).then((state) => ({
          state,
          entry,
        })),
      ),
    );
    for (const { state, entry } of states) {
      const isUnnamed = state.entry === '' ? !state.isScheduled : !state.isOnStream && !state.isPending;
      // A command that was moved between the two reads was on a stream or scheduled, so it is not missing.
      if (isOpen(state.status) && state.entry === (entry ?? '') && isUnnamed) lost.push(state);
    }
  }
  return lost;
}

const isOpen = (status: string | undefined) => status === 'PENDING' || status === 'RUNNING';
