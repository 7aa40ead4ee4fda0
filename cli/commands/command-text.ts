import { type Command, type ListedCommand } from '../../shared/client/client.js';
import { type Status } from '../../shared/protocol/commands.js';
import { type Paint } from '../paint.js';
import { rowText, tableText } from './table.js';

/** A status as people see it. */
export function statusText(status: Status, paint: Paint): string {
  const colour = { PENDING: paint.faint, RUNNING: paint.busy, COMPLETED: paint.good, FAILED: paint.bad };
  return colour[status](status);
}

/** A command with all that is known of it, by lines: what has no value yet is left out. */
export function commandText(command: Command, paint: Paint): string[] {
  const { history, status, error, ...rest } = command;
  const rows = Object.entries({ ...rest }).flatMap(([name, value]) =>
    value === null || name === 'commandId'
      ? []
      : [[name, typeof value === 'string' ? value : JSON.stringify(value)]],
  );
  const reason = error ? [['error', `${error.code}: ${error.message} (executed: ${error.executed})`]] : [];
  const before = history.map(({ attempt, agentId, reason, recordedAt, error: how }) => [
    'before',
    `attempt ${attempt} on ${agentId}: ${reason} at ${recordedAt}${how ? `, ${how.code}: ${how.message}` : ''}`,
  ]);
  return tableText([
    ['commandId', paint.strong(command.commandId)],
    ['status', statusText(status, paint)],
    ...reason,
    ...rows,
    ...before,
  ]);
}

/** The widths of the columns: fixed, since `list` prints each row while more are on their way. */
const widths = [36, 9, 16, 12, 24, 7];
export const listHead = rowText(['COMMAND', 'STATUS', 'TYPE', 'QUEUE', 'CREATED', 'ATTEMPT', 'NOTE'], widths);

export function listedText(command: ListedCommand, paint: Paint): string {
  const { commandId, status, type, queue, createdAt, attempt } = command;
  return rowText(
    [commandId, statusText(status, paint), type, queue, createdAt, String(attempt), noteOf(command)],
    widths,
  );
}

function noteOf({ error, waitingFor, agentId, status }: ListedCommand): string {
  if (error) return error.code;
  if (waitingFor) return `waits for ${waitingFor}`;
  return status === 'RUNNING' ? `on ${agentId ?? ''}` : '';
}

/** The line of a command that has ended. */
export function endedText({ commandId, status, result, error }: Command, paint: Paint): string {
  const how = error ? `${error.code}: ${error.message}` : JSON.stringify(result);
  return `${commandId}  ${statusText(status, paint)}  ${how}`;
}
