import { parseEnv } from 'node:util';
import { readTextFile, TextUnreadableError } from './text-file.js';

export type Variables = Readonly<Record<string, string | undefined>>;

export interface Dotenv {
  readonly variables: Variables;
  readonly faults: readonly string[];
}

/**
 * Reads a file of variables, if there is one. What would be passed over in silence is a fault: a file that is
 * no UTF-8 text, and a line that names one of `known` without giving it a value.
 */
export function readDotenv(path: string, known: readonly string[]): Dotenv {
  try {
    // \r alone ends a line, too: parseEnv drops it, and the next line would become a part of this value.
    const text = readTextFile(path).text.replace(/\r\n?/g, '\n');
    const variables = parseEnv(text);
    return { variables, faults: linesWithoutValue(text, variables, known) };
  } catch (error) {
    if (!(error instanceof TextUnreadableError)) throw error;
    const isNone = ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(error.code ?? '');
    return { variables: {}, faults: isNone ? [] : [`.env ${error.message}`] };
  }
}

/** `PORT: 3000` or `PORT 3000`. Names of other programs are not looked at. */
function linesWithoutValue(text: string, variables: Variables, known: readonly string[]): string[] {
  const missing = new Set(known.filter((name) => variables[name] === undefined));
  const named = [...text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Z][A-Z_]*)(?=[ \t:]|$)(?![ \t]*=)/gm)];
  const names = new Set(named.map(([, name = '']) => name));
  return [...names]
    .filter((name) => missing.has(name))
    .map((name) => `.env: ${name} has no value there; write ${name}=…`);
}
