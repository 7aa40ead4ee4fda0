/**
 * Every key that Fencepost uses in Redis, built here and nowhere else (docs/reference/redis-keys.md).
 * People look at these with redis-cli: the names are contract.
 */

/** The hash tag. `0` unless the deployment is sharded; all keys of one command share it, and so a slot. */
export type Partition = string;

export const defaultPartition: Partition = '0';

/** Consumer group of every queue's stream. */
export const group = 'agents';

/** Recovery claims entries under this consumer: no legal agentId, so that no agent mistakes them for its own. */
export const recoveryConsumer = '~recovery';

/**
 * The keys of one partition. `root` goes to every script as its only KEYS entry: it routes the
 * call to the partition's slot, and the script derives the keys below from it (decision 0002).
 *
 * @param database its number: channels are shared by all databases of a Redis, keys are not
 */
export function partitionKeys(partition: Partition = defaultPartition, database = 0) {
  const root = `fencepost:{${partition}}:`;
  const channels = channelRoot(root, database);
  return {
    root,
    stream: (queue: string) => `${root}commands:${queue}`,
    command: (id: string) => `${root}command:${id}`,
    marker: (id: string) => `${root}exec:${id}`,
    history: (id: string) => `${root}history:${id}`,
    session: (agentId: string) => `${root}session:${agentId}`,
    /** Sessions of that agent that others replaced, and that never come back: the last hundred, for a day. */
    replaced: (agentId: string) => `${root}replaced:${agentId}`,
    scheduled: `${root}scheduled`,
    /** Commands with a `ttlMs`, by the time at which they expire; left over ones are dropped when due. */
    expiring: `${root}expiring`,
    /**
     * Set: the queues in use, that is of which a command is kept, or that are paused; and every lane that there
     * is (lanes.ts).
     */
    queues: `${root}queues`,
    /** Types that have a lane of this queue, separated by spaces; absent: none has. */
    lanes: (queue: string) => `${root}lanes:${queue}`,
    /** Hash: how many commands of each queue are kept, whatever their status; `retire` goes by it. */
    queueCommands: `${root}queue-commands`,
    /** Hash: queues from which nothing is started, and since when each. */
    paused: `${root}paused`,
    /** Every command by creation, in microseconds of Redis time. */
    index: `${root}index`,
    /** FAILED commands by creation, like `index`. */
    failedIndex: `${root}index:failed`,
    counts: `${root}counts`,
    recovery: `${root}recovery`,
    /** The work of retention: how many commands were pruned, when last, and how late. */
    retention: `${root}retention`,
    /** Channel: `id attempt` of what that agent executes and is asked to stop. A hint: its renewals return it too. */
    cancels: (agentId: string) => `${channels}cancels:${agentId}`,
    dead: `${root}dead`,
    /** Channel: each lane that something was just moved to, one a line. A hint: `start` looks by itself. */
    movedToLanes: `${channels}lanes`,
    events: `${channels}events`,
  } as const;
}

/**
 * The prefix of channel names. For database 0 it holds no number, as for every database before 1.0:
 * processes of two versions receive each other's messages while one is replaced by the other.
 */
export const channelRoot = (root: string, database: number) =>
  database === 0 ? root : `${root}@${database}:`;

export type PartitionKeys = ReturnType<typeof partitionKeys>;

export const agentKey = (agentId: string) => `fencepost:agent:${agentId}`;
/** Set: every agentId whose registration may still be there, so that no reader has to walk all keys for it. */
export const agentsKey = 'fencepost:agents';
export const typesKey = 'fencepost:types';
export const metaKey = 'fencepost:meta';
