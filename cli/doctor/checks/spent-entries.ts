import { type Check, type Finding, ill, well } from '../check.js';
import { type CommandState, readCommandState } from '../command-state.js';
import { listed } from '../listed.js';
import { type Patient } from '../patient.js';
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
export const spentEntries: Check = {
  name: 'spent-entries',
  about: 'no entry was acknowledged by hand, past the scripts',
  needs: ['redis'],
  async look(patient) {
    const found = await Promise.all(
      (await patient.queues()).map(async (stream) =>
        describe(patient, stream, await findSpent(patient, stream)),
      ),
    );
    const findings = found.flat();
    return findings.length === 0 ? well('none') : ill('found', ...findings);
  },
};

async function findSpent({ redis, keys }: Patient, stream: QueueStream): Promise<SpentEntry[]> {
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
  { redisCli }: Patient,
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
      what: `somebody acknowledged the entries of ${listed(
        tickets.map(({ state }) => `${state.id} (${state.status ?? ''})`),
        'command',
      )} in the queue ${queue} by hand`,
      why: 'Redis gives such an entry to nobody again, and maintenance takes it for one that waits: a PENDING command is never started, and a RUNNING one whose agent dies is never recovered',
      mend: 'delete these entries, and nothing else: a server then sees that nothing names the commands, and puts them back, or ends them by the lost-agent policy, within two leases',
      commands: remove(tickets),
    });
  }
  if (strays.length > 0) {
    findings.push({
      what: `${listed(
        strays.map(({ entry }) => entry),
        'entry',
        'entries',
      )} on the queue ${queue}, acknowledged by hand, ${strays.length === 1 ? 'belongs' : 'belong'} to no command that waits or runs`,
      why: 'nothing is lost; they take room, and the length of the queue is wrong by them',
      mend: 'delete them',
      commands: remove(strays),
    });
  }
  return findings;
}
