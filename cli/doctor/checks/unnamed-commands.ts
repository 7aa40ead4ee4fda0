import { z } from 'zod';
import { type Check, ill, well } from '../check.js';
import { type CommandState, readCommandState } from '../command-state.js';
import { readAtOnce } from '../../../shared/store/read-at-once.js';
import { listed } from '../listed.js';
import { type Patient } from '../patient.js';

const pageSize = 500;
/** The newest commands, which are looked at when the numbers do not fit together. */
const mostCommands = 200_000;

/** Every command that has not ended is on a stream or scheduled, once: the numbers show whether one is missing. */
export const unnamedCommands: Check = {
  name: 'unnamed-commands',
  about: 'what has not ended is on a stream, or scheduled',
  needs: ['redis'],
  async look(patient) {
    const { open, named } = await count(patient);
    const fact = `${open} open, ${named} on streams and scheduled`;
    if (open <= named) return well(fact);
    const lost = await find(patient);
    // The last of them has ended, or was requeued, since they were counted.
    if (lost.length === 0) return well(fact);
    const leaseMs = await patient.leaseMs();
    return ill(fact, {
      what: `nothing names ${listed(
        lost.map(({ id, status }) => `${id} (${status ?? ''})`),
        'command',
      )} any more: somebody deleted an entry, a stream or the set of what is scheduled`,
      why: 'no agent is given it, and none that vanished with it is noticed, until a server has put it back or ended it by the lost-agent policy',
      mend: `wait: each server looks, and does that after ${(2 * leaseMs) / 1000} s at most. If it is found again after that, look into the server's log for "rescued"`,
      commands: [`sleep ${Math.ceil((2 * leaseMs) / 1000)}; npx fencepost doctor`],
    });
  },
};

/** Counts at one moment: under load, numbers of different moments do not fit together. */
async function count({ redis, keys, queues }: Patient): Promise<{ open: number; named: number }> {
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

async function find({ redis, keys }: Patient): Promise<CommandState[]> {
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
