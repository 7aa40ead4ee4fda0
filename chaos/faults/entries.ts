import { partitionKeys } from '../../shared/store/keys.js';
import { comesTrue, type Strike } from './strike.js';

const keys = partitionKeys();

/** How long a doubled entry is watched; the history checker finds one that is still there at rest. */
const longestMs = 15_000;

/** Adds a second entry for a command that is queued or running, as a client library that sends twice would. */
export const doubleEntry: Strike = async (scene, { kind, event, dice }) => {
  const { redis } = scene.arena;
  const [id] = dice.shuffled((await scene.arena.pending()).filter((one) => !scene.watch.hasEnded(one)));
  const queue = id === undefined ? null : await redis.hget(keys.command(id), 'queue');
  if (id === undefined || queue === null) return;
  const stream = keys.stream(queue);
  const open = scene.faults.begin({ kind, target: `${queue}, command ${id}`, event });
  const entry = await redis.xadd(stream, '*', 'id', id);
  if (entry === null) return;
  open.verified(`entry ${entry} added`, [id]);
  const isGone = async () => (await redis.xrange(stream, entry, entry)).length === 0;
  if (await comesTrue(scene, longestMs, isGone)) {
    scene.tally.doubledEntryAbsorbed();
    open.healed();
  }
};
