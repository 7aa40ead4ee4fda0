import { announcementOf, loadCommands } from './command-registry.js';

/**
 * Returns the text of the file by which a server knows the built-in command types, so that it checks their
 * payloads before any agent was ever there. Committed; `command-registry.test.ts` fails when the file is out of date.
 */
export async function builtInTypes(): Promise<string> {
  const types = announcementOf(await loadCommands());
  return `${JSON.stringify(Object.fromEntries(types.map(({ type, ...rest }) => [type, rest])), null, 2)}\n`;
}

export const builtInTypesFile = 'shared/protocol/builtin-types.json';
