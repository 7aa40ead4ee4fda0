import { commandIdSchema } from '../../shared/protocol/commands.js';
import { UsageError } from './exit-codes.js';

/** @throws UsageError. What is no id would be a part of another path: `commands/./cancel` cancels many */
export function checkCommandId(text: string): string {
  if (commandIdSchema.safeParse(text).success) return text;
  throw new UsageError(`commandId: must be the id of a command, but is "${text}"`);
}
