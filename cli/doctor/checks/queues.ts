import { type Check, type Finding, ill } from '../check.js';
import { type Patient } from '../patient.js';
import { type QueueStream, readEntries } from '../queue-streams.js';
import { type Registered } from '../registrations.js';

/** Commands of a queue whose types are looked at: agents rarely know one and not the next. */
const sample = 200;

export const queues: Check = {
  name: 'queues',
  about: 'what waits has an agent that may take it',
  needs: ['redis'],
  async look(patient) {
    const all = await patient.queues();
    const found = await Promise.all(all.map((one) => examine(patient, one)));
    const sum = all.reduce((total, one) => total + one.waiting, 0);
    const paused = all.filter(({ pausedAt }) => pausedAt !== undefined).map(({ queue }) => queue);
    const note = paused.length === 0 ? '' : `, paused: ${paused.join(', ')}`;
    return ill(
      `${sum} waiting in ${all.length === 1 ? 'one queue' : `${all.length} queues`}${note}`,
      ...found.flat(),
    );
  },
};

async function examine(patient: Patient, stream: QueueStream): Promise<Finding[]> {
  const { queue, waiting, pausedAt } = stream;
  const wait = `${waiting} ${waiting === 1 ? 'command waits' : 'commands wait'} in the queue ${queue}`;
  if (pausedAt !== undefined) {
    if (waiting === 0) return [];
    return [
      {
        what: `${wait}, which has been paused since ${new Date(pausedAt).toISOString()}`,
        why: 'nothing is started from a paused queue, by whichever agent',
        mend: 'resume it, if whoever paused it agrees',
        commands: [`npx fencepost queues resume ${queue}`],
      },
    ];
  }
  const serving = (await patient.agents()).filter((agent) => agent.isLive && agent.queues.includes(queue));
  const able = serving.filter(({ isDraining }) => !isDraining);
  if (able.length === 0) return waiting === 0 ? [] : [unserved(wait, queue, serving)];
  const types = await unknownTypes(patient, stream, able);
  return types.map((type) => ({
    what: `in the queue ${queue} commands of type ${type} wait, which no agent that serves it knows`,
    why: 'they are put back for a second each time that an agent is given one, and wait until they expire, or for ever',
    mend: 'start an agent that knows the type: name its module in AGENT_COMMANDS',
    commands: [`AGENT_COMMANDS=./my-commands.js AGENT_QUEUES=${queue} npm run agent`],
  }));
}

function unserved(wait: string, queue: string, draining: readonly Registered[]): Finding {
  const names = draining.map(({ agentId }) => agentId).join(', ');
  return {
    what: `${wait}, which no live agent serves${draining.length === 0 ? '' : `: ${names} takes no more commands (drained)`}`,
    why: 'they wait until they expire, or for ever',
    mend: 'start an agent for it, or add it to AGENT_QUEUES of one and restart that; a drained one takes commands again after a restart',
    commands: [`AGENT_QUEUES=${queue} npm run agent`],
  };
}

/** Types that commands here wait for, and that none of these agents knows. */
async function unknownTypes(
  { redis, keys }: Patient,
  { stream, lastDelivered, queue }: QueueStream,
  able: readonly Registered[],
): Promise<string[]> {
  if (able.some(({ types }) => types.length === 0)) return [];
  const known = new Set(able.flatMap(({ types }) => types));
  const onStream = await readEntries(redis, stream, `(${lastDelivered}`, '+', sample);
  // What an agent did not know waits there for a second each time.
  const putOff = await redis.zrange(keys.scheduled, '0', String(sample - 1)).catch((): string[] => []);
  const waiting = onStream.map(({ id }) => redis.hmget(keys.command(id), 'queue', 'type'));
  const later = putOff.map((id) => redis.hmget(keys.command(id), 'queue', 'waitingFor'));
  const rows = (await Promise.allSettled([...waiting, ...later])).flatMap((row) =>
    row.status === 'fulfilled' ? [row.value] : [],
  );
  const types = rows.flatMap(([of, type]) => (of === queue && type && !known.has(type) ? [type] : []));
  return [...new Set(types)].sort();
}
