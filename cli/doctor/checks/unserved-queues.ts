import { type Check, type Finding, fail } from '../check.js';
import { type Snapshot } from '../snapshot.js';
import { type QueueStream, readEntries } from '../queue-streams.js';
import { type Registered } from '../registrations.js';

/** Commands of a queue whose types are looked at: agents rarely know one and not the next. */
const sample = 200;

export const unservedQueues: Check = {
  name: 'unserved-queues',
  about: 'each queue with waiting commands has an agent that can take them',
  needs: ['redis'],
  async run(snapshot) {
    const all = await snapshot.queues();
    const queues = queuesOf(all);
    const found = await Promise.all(queues.map((one) => examine(snapshot, one)));
    const sum = queues.reduce((total, one) => total + one.waiting, 0);
    const paused = queues.filter(({ pausedAt }) => pausedAt !== undefined).map(({ queue }) => queue);
    const note = paused.length === 0 ? '' : `, paused: ${paused.join(', ')}`;
    return fail(
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

async function examine(snapshot: Snapshot, { queue, streams, waiting, pausedAt }: Queue): Promise<Finding[]> {
  const wait = `${waiting} ${waiting === 1 ? 'command waits' : 'commands wait'} in the queue ${queue}`;
  if (pausedAt !== undefined) {
    if (waiting === 0) return [];
    return [
      {
        problem: `${wait}, which has been paused since ${new Date(pausedAt).toISOString()}`,
        impact: 'no agent starts commands of a paused queue',
        fix: 'resume it, if the operator who paused it agrees',
        commands: [`npx fencepost queues resume ${queue}`],
      },
    ];
  }
  const serving = (await snapshot.agents()).filter((agent) => agent.isLive && agent.queues.includes(queue));
  const able = serving.filter(({ isDraining }) => !isDraining);
  if (able.length === 0) return waiting === 0 ? [] : [unserved(wait, queue, serving)];
  const types = await unknownTypes(snapshot, streams, able);
  return types.map((type) => ({
    problem: `commands of type ${type} wait in the queue ${queue}, and no agent that serves it knows that type`,
    impact: 'they wait until an agent that knows the type serves the queue, until they expire, or for ever',
    fix: 'start an agent that knows the type: name its module in AGENT_COMMANDS',
    commands: [`AGENT_COMMANDS=./my-commands.js AGENT_QUEUES=${queue} npm run agent`],
  }));
}

function unserved(wait: string, queue: string, draining: readonly Registered[]): Finding {
  const names = draining.map(({ agentId }) => agentId).join(', ');
  return {
    problem: `${wait}, which no live agent serves${draining.length === 0 ? '' : `: ${names} accepts no more commands (drained)`}`,
    impact: 'they wait until they expire, or for ever',
    fix: 'start an agent for it, or add it to AGENT_QUEUES of one and restart that; a drained one accepts commands again after a restart',
    commands: [`AGENT_QUEUES=${queue} npm run agent`],
  };
}

/** Types that commands here wait for, and that none of these agents knows. */
async function unknownTypes(
  { redis, keys }: Snapshot,
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
