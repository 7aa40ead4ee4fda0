import { type Check, type Finding, fail, pass } from '../check.js';
import { type CommandState, readCommandState } from '../command-state.js';
import { proseList } from '../prose-list.js';
import { type Snapshot } from '../snapshot.js';
import { type QueueStream, readEntries, readPending } from '../queue-streams.js';

/** An entry that was delivered, is not pending, and still lies on its stream: no script leaves one. */
interface SpentEntry {
  readonly entry: string;
  readonly state: CommandState;
}

/**
 * Finds entries that were acknowledged by hand. Redis never delivers such an entry again, and since it still
 * lies on the stream, maintenance takes it for one that waits: its command is never found.
 */
export const manuallyAckedEntries: Check = {
  name: 'manually-acked-entries',
  about: 'no entry was acknowledged by hand, outside the scripts',
  needs: ['redis'],
  async run(snapshot) {
    const found = await Promise.all(
      (await snapshot.queues()).map(async (stream) =>
        describe(snapshot, stream, await findSpent(snapshot, stream)),
      ),
    );
    const findings = found.flat();
    return findings.length === 0 ? pass('none') : fail('found', ...findings);
  },
};

async function findSpent({ redis, keys }: Snapshot, stream: QueueStream): Promise<SpentEntry[]> {
  // Pending first: what is delivered in between is then missing there, and the look at its state decides.
  const pending = new Set((await readPending(redis, stream.stream)).map(({ entry }) => entry));
  const delivered = await readEntries(redis, stream.stream, '-', stream.lastDelivered);
  const suspects = delivered.filter(({ entry }) => !pending.has(entry));
  const states = await Promise.all(
    suspects.map(async ({ entry, id }) => ({
      entry,
      state: await readCommandState(redis, keys, { id, queue: stream.queue, entry }),
    })),
  );
  return states.filter(({ state }) => state.isOnStream && !state.isPending);
}

function describe(
  { redisCli }: Snapshot,
  { queue, stream }: QueueStream,
  spent: readonly SpentEntry[],
): Finding[] {
  const isTicket = ({ entry, state }: SpentEntry) =>
    state.entry === entry && (state.status === 'PENDING' || state.status === 'RUNNING');
  const tickets = spent.filter(isTicket);
  const strays = spent.filter((one) => !isTicket(one));
  const remove = (some: readonly SpentEntry[]) => [
    `${redisCli} XDEL '${stream}' ${some
      .map(({ entry }) => entry)
      .slice(0, 50)
      .join(' ')}`,
  ];
  const findings: Finding[] = [];
  if (tickets.length > 0) {
    findings.push({
      problem: `an operator or another program acknowledged the entries of ${proseList(
        tickets.map(({ state }) => `${state.id} (${state.status ?? ''})`),
        'command',
      )} in the queue ${queue} by hand`,
      impact:
        'Redis never delivers such an entry again, and maintenance mistakes it for a waiting one: a PENDING command is never started, and a RUNNING one whose agent dies is never recovered',
      fix: 'delete these entries, and nothing else: a server then finds the orphaned commands, and requeues them, or ends them by the lost-agent policy, within two leases',
      commands: remove(tickets),
    });
  }
  if (strays.length > 0) {
    findings.push({
      problem: `${proseList(
        strays.map(({ entry }) => entry),
        'entry',
        'entries',
      )} on the queue ${queue}, acknowledged by hand, ${strays.length === 1 ? 'belongs' : 'belong'} to no waiting or running command`,
      impact: 'nothing is lost; they use memory, and the reported length of the queue includes them',
      fix: 'delete them',
      commands: remove(strays),
    });
  }
  return findings;
}
