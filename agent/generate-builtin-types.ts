import { writeFileSync } from 'node:fs';
import { announcementOf, loadCommands } from './command-registry.js';

/**
 * Writes what the server knows of the built-in command types, so that it checks their payloads
 * before any agent was ever there. `agent/command-registry.test.ts` fails when the file is out of date.
 *
 * Usage: npm run generate
 */
export async function builtInTypes(): Promise<string> {
  const types = announcementOf(await loadCommands());
  return `${JSON.stringify(Object.fromEntries(types.map(({ type, ...rest }) => [type, rest])), null, 2)}\n`;
}

export const builtInTypesFile = 'shared/protocol/builtin-types.json';

if (require.main === module) {
  void builtInTypes().then((json) => writeFileSync(builtInTypesFile, json));
}
