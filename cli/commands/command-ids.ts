import { commandIdSchema } from '../../shared/protocol/commands.js';
import { UsageError } from './exit-codes.js';
import { readLines } from './lines.js';
import { type Terminal } from './terminal.js';

/** @throws UsageError. A text that is no id would make another path: `commands/./cancel` cancels many */
export function checkCommandId(text: string): string {
  if (commandIdSchema.safeParse(text).success) return text;
  throw new UsageError(`commandId: must be the id of a command, but is ${JSON.stringify(text)}`);
}

/** The description of `namedIds` in help texts. */
export const orFromInput = '-: one per line of standard input';

/**
 * The ids of a line, or those on standard input for a `-` alone: one per line, by itself or in what
 * `--json` prints.
 *
 * @throws UsageError for what is no id, before anything is done with another one
 */
export async function namedIds(
  ids: readonly string[],
  { stdin, signal }: Terminal,
): Promise<readonly string[]> {
  if (!ids.includes('-')) return ids.map(checkCommandId);
  if (ids.length > 1) throw new UsageError('commandIds: give them here or, with - alone, on standard input');
  const read: string[] = [];
  for await (const { text } of readLines(stdin, signal)) read.push(checkCommandId(idIn(text)));
  // The program that should have written there has most likely failed.
  if (read.length === 0) throw new UsageError('commandIds: there are none on standard input');
  return read;
}

const idIn = (line: string) => /"commandId":"([^"]+)"/.exec(line)?.[1] ?? line.trim();
