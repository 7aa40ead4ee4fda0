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
 * Whether a report has the same content as the one that was accepted before for its attempt. Called only
 * after `report` replied `again`, which compares who reports, and not what.
 */
export async function isSameReport(redis: Redis, keys: PartitionKeys, report: Report): Promise<boolean> {
  const command = await new CommandReader(redis, keys).read(report.id);
  const stored = command && endingOf(command, report);
  // The history no longer shows how that attempt ended, so nothing contradicts this report.
  if (!stored) return true;
  const given = endingIn(report);
  // A report of a lost attempt has no outcome, and `report` composes the stored message: only the codes are compared.
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
    (item) => item.attempt === attempt && item.agentId === agentId && item.reason !== 'late' && item.status,
  );
}

function endingIn({ outcome }: Report): Ending {
  const result = outcome.result === undefined ? null : (JSON.parse(outcome.result) as Ending['result']);
  if (outcome.status === 'COMPLETED') return { status: 'COMPLETED', result, error: null };
  return { status: 'FAILED', result, error: { code: outcome.code, message: outcome.message } };
}

/** Compares by value, whatever the order of keys; a value that was cut cannot be compared, and counts as the same. */
function isSame(stored: unknown, given: unknown): boolean {
  const json = stringify(given) ?? '';
  const isCut = Buffer.byteLength(json) > keptBytes && isNote(stored);
  return isCut || stringify(stored) === json;
}

/** Whether this is the note that `report.lua` stores instead of a value that is too long to keep. */
function isNote(stored: unknown): boolean {
  const text = typeof stored === 'object' && stored !== null && 'message' in stored ? stored.message : stored;
  return typeof text === 'string' && /^\(\d+ bytes, not kept\)$/.test(text);
}
