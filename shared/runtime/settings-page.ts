import { z } from 'zod';
import { type Setting, type Settings, valueIfUnset } from './config.js';
import { fileVariableOf } from './secret-file.js';

/** The page of all settings, in the repository. Each program writes its own table of it (`npm run generate`). */
export const settingsPage = 'docs/reference/configuration.md';

/**
 * The settings page with one program's table written anew.
 *
 * @param page the whole page
 * @param program names the two comments between which its table stands
 * @throws when the page has no such comments
 */
export function withSettingsTable(page: string, program: string, settings: Settings): string {
  const begin = `<!-- ${program}: generated -->\n`;
  const end = `<!-- ${program}: end -->\n`;
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${settingsPage} has no place for the settings of ${program}`);
  const rows = Object.values(settings).map(rowOf);
  const table = ['| variable | default | bounds | |', '|---|---|---|---|', ...rows].join('\n');
  return `${page.slice(0, from)}${begin}\n${table}\n\n${page.slice(to)}`;
}

function rowOf(setting: Setting): string {
  const { variable, schema, description, secret } = setting;
  const value = textOf(valueIfUnset(schema));
  const name = secret ? `\`${variable}\`, \`${fileVariableOf(variable)}\`` : `\`${variable}\``;
  return `| ${[name, value, boundsOf(schema), description].map(escaped).join(' | ')} |`;
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** The least and greatest value of a number, or the words that are allowed. */
function boundsOf(schema: z.ZodType): string {
  const { minimum, maximum, enum: words } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' });
  if (words) return words.map((word) => `\`${String(word)}\``).join(', ');
  if (minimum === undefined) return '';
  return maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER
    ? `at least ${minimum}`
    : `${minimum} to ${maximum}`;
}

const escaped = (cell: string) => cell.replaceAll('|', '\\|');
