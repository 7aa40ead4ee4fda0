import { type Redis } from 'ioredis';
import { type CommandListPage, type CommandSummary, type ListQuery } from '../../shared/protocol/api.js';
import { limits } from '../../shared/protocol/commands.js';
import { CommandReader } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { withLanes } from '../../shared/store/lanes.js';
import { type Candidates, delivered, indexed, queued } from './list-sources.js';
import { decodeCursor, encodeCursor, type ListOrder, type Position } from './page-cursor.js';

/** How many more commands are looked at when the first ones did not fill the page. */
const chunk = 200;

/** Returns the order of a list with this filter. */
export function orderOf({ status }: Pick<ListQuery, 'status'>): ListOrder {
  switch (status) {
    case 'PENDING':
      return 'queued';
    case 'RUNNING':
      return 'running';
    case 'FAILED':
      return 'failed';
    case 'COMPLETED':
    case undefined:
      return 'created';
  }
}

/** @returns where the page begins; `bad` when the cursor is not one of this list */
export function startOf(query: ListQuery): Position | undefined | 'bad' {
  return query.cursor === undefined ? undefined : (decodeCursor(orderOf(query), query.cursor) ?? 'bad');
}

/**
 * Reads one page of commands, newest first. It looks at 1,000 commands at most, so a filter that few pass
 * gives short pages, with a `nextCursor` for as long as there is more to look at.
 *
 * @param passes a filter beside those of the query
 */
export async function readPage(
  redis: Redis,
  keys: PartitionKeys,
  query: ListQuery,
  start: Position | undefined,
  passes: (summary: CommandSummary) => boolean = () => true,
): Promise<CommandListPage> {
  const reader = new CommandReader(redis, keys);
  const candidates = await candidatesFor(redis, keys, query);
  // A command that moves while the list is read may turn up twice.
  const commands = new Map<string, CommandSummary>();
  let position = start;
  for (let looked = 0; looked < limits.listScan;) {
    // First one more than the page: without a filter that is enough to know whether there is a next one.
    const count = Math.min(limits.listScan - looked, looked === 0 ? query.limit + 1 : chunk);
    const found = await candidates.next(position, count);
    const summaries = await reader.summaries(
      found.map(({ id }) => id),
      query,
    );
    for (const [i, candidate] of found.entries()) {
      const summary = summaries[i];
      if (summary && matches(summary, query) && passes(summary)) {
        if (commands.size === query.limit) return pageOf(commands, candidates, position);
        commands.set(summary.commandId, summary);
      }
      position = candidate.position;
    }
    if (found.length < count) return { commands: [...commands.values()], nextCursor: null };
    if (commands.size === query.limit) break;
    looked += found.length;
  }
  return pageOf(commands, candidates, position);
}

function pageOf(
  commands: ReadonlyMap<string, CommandSummary>,
  { order }: Candidates,
  position: Position | undefined,
): CommandListPage {
  return { commands: [...commands.values()], nextCursor: position ? encodeCursor(order, position) : null };
}

async function candidatesFor(redis: Redis, keys: PartitionKeys, query: ListQuery): Promise<Candidates> {
  const order = orderOf(query);
  if (order === 'created') return indexed(redis, keys.index, order);
  if (order === 'failed') return indexed(redis, keys.failedIndex, order);
  const queues =
    query.queue === undefined
      ? await redis.smembers(keys.queues)
      : await withLanes(redis, keys, [query.queue]);
  return order === 'queued' ? queued(redis, keys, queues) : delivered(redis, keys, queues);
}

function matches(summary: CommandSummary, { status, type, queue }: ListQuery): boolean {
  return (
    (status === undefined || summary.status === status) &&
    (type === undefined || summary.type === type) &&
    (queue === undefined || summary.queue === queue)
  );
}
