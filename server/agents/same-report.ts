import { type Redis } from 'ioredis';
import stringify from 'safe-stable-stringify';
import { type Report } from '../../shared/lifecycle/transitions.js';
import { isTerminal } from '../../shared/lifecycle/states.js';
import { type CommandView, type HistoryItem } from '../../shared/protocol/commands.js';
import { CommandReader } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';

/** A history keeps no more of a result or an error than this, as JSON; `report.lua`. */
const keptBytes = 4096;

/** An ended attempt, as far as two reports of it can differ. */
type Ending = Pick<HistoryItem, 'status' | 'result' | 'error'>;

/**
 * Whether a report of an attempt whose report was accepted before says the same as that one. Asked
 * only after `report` said `again`, which is about who reports, and not about what.
 */
export async function isSameReport(redis: Redis, keys: PartitionKeys, report: Report): Promise<boolean> {
  const command = await new CommandReader(redis, keys).read(report.id);
  const stored = command && endingOf(command, report);
  // It is no longer told how that attempt ended: nothing says that this is another story.
  if (!stored) return true;
  const given = endingIn(report);
  // Of a lost attempt its agent tells no outcome, and what is kept are the words of `report` itself.
  if (given.error?.code === 'AGENT_LOST') return stored.error?.code === 'AGENT_LOST';
  return (
    stored.status === given.status &&
    isSame(stored.result, given.result) &&
    isSame(stored.error && { ...stored.error, executed: undefined }, given.error)
  );
}

function endingOf(command: CommandView, { attempt = 1, agentId }: Report): Ending | undefined {
  if (isTerminal(command.status) && command.attempt === attempt) return command;
  return command.history.find(
    (item) => item.attempt === attempt && item.agentId === agentId && item.why !== 'late' && item.status,
  );
}

function endingIn({ outcome }: Report): Ending {
  const result = outcome.result === undefined ? null : (JSON.parse(outcome.result) as Ending['result']);
  if (outcome.status === 'COMPLETED') return { status: 'COMPLETED', result, error: null };
  return { status: 'FAILED', result, error: { code: outcome.code, message: outcome.message } };
}

/** By value, whatever the order of keys; what was cut cannot be compared. */
function isSame(stored: unknown, given: unknown): boolean {
  const json = stringify(given) ?? '';
  const isCut = Buffer.byteLength(json) > keptBytes && isNote(stored);
  return isCut || stringify(stored) === json;
}

/** What `report.lua` leaves of what is too long to keep. */
function isNote(stored: unknown): boolean {
  const text = typeof stored === 'object' && stored !== null && 'message' in stored ? stored.message : stored;
  return typeof text === 'string' && /^\(\d+ bytes, not kept\)$/.test(text);
}
