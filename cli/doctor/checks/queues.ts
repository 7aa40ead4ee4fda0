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
    const queues = queuesOf(all);
    const found = await Promise.all(queues.map((one) => examine(patient, one)));
    const sum = queues.reduce((total, one) => total + one.waiting, 0);
    const paused = queues.filter(({ pausedAt }) => pausedAt !== undefined).map(({ queue }) => queue);
    const note = paused.length === 0 ? '' : `, paused: ${paused.join(', ')}`;
    return ill(
      `${sum} waiting in ${queues.length === 1 ? 'one queue' : `${queues.length} queues`}${note}`,
      ...found.flat(),
    );
  },
};

/** One queue as clients know it: its stream, and its lanes. */
interface Queue {
  readonly queue: string;
  readonly streams: readonly QueueStream[];
  readonly waiting: number;
  readonly pausedAt: number | undefined;
}

function queuesOf(all: readonly QueueStream[]): Queue[] {
  return [...new Set(all.map(({ home }) => home))].map((queue) => {
    const streams = all.filter(({ home }) => home === queue);
    const waiting = streams.reduce((total, one) => total + one.waiting, 0);
    return { queue, streams, waiting, pausedAt: streams[0]?.pausedAt };
  });
}

async function examine(patient: Patient, { queue, streams, waiting, pausedAt }: Queue): Promise<Finding[]> {
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
  const types = await unknownTypes(patient, streams, able);
  return types.map((type) => ({
    what: `in the queue ${queue} commands of type ${type} wait, which no agent that serves it knows`,
    why: 'they wait until an agent that knows the type serves the queue, until they expire, or for ever',
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
  streams: readonly QueueStream[],
  able: readonly Registered[],
): Promise<string[]> {
  if (able.some(({ types }) => types.length === 0)) return [];
  const known = new Set(able.flatMap(({ types }) => types));
  const ids = streams.map(async ({ stream, lastDelivered, laneType }) =>
    laneType === undefined ? await readEntries(redis, stream, `(${lastDelivered}`, '+', sample) : [],
  );
  const waiting = (await Promise.all(ids)).flat().map(({ id }) => redis.hget(keys.command(id), 'type'));
  const onStream = (await Promise.allSettled(waiting)).map((row) =>
    row.status === 'fulfilled' ? row.value : null,
  );
  // Commands of a type that an agent did not know were moved to the lane of that type.
  const inLanes = streams.filter((one) => one.waiting > 0).map(({ laneType }) => laneType);
  const types = [...onStream, ...inLanes].flatMap((type) => (type && !known.has(type) ? [type] : []));
  return [...new Set(types)].sort();
}
