import { shown } from './redact.js';
import { readTextFile, TextUnreadableError } from './text-file.js';

/** The variable that names a file in place of the value itself: `REDIS_URL_FILE`, as images on Docker Hub have it. */
export const fileVariableOf = (variable: string): string => `${variable}_FILE`;

/** Longer than any secret: a path that was misspelt must not fill the memory. */
const mostBytes = 64 * 1024;

/** Orchestrators put secrets there for one container alone, and make them readable. */
const isMounted = (path: string) => /^(\/var)?\/run\/secrets\//.test(path);

/**
 * The value in a file, without the line feed at its end.
 *
 * @param title what to call the variable that named the file
 * @returns a fault that says what is wrong with the file, and nothing that is in it
 */
export function readSecretFile(
  title: string,
  path: string,
  warn: (line: string) => void,
): { readonly from: string; readonly raw: string } | { readonly fault: string } {
  try {
    const { text, isForAll } = readTextFile(path, mostBytes);
    const raw = text.replace(/\r?\n$/, '');
    if (raw === '') return { fault: `${title}: ${shown(path)} is empty` };
    if (isForAll && !isMounted(path)) {
      warn(`${title}: every user of this machine can read ${shown(path)}; chmod 600 it`);
    }
    return { from: `the file that ${title} names`, raw };
  } catch (error) {
    if (!(error instanceof TextUnreadableError)) throw error;
    return { fault: `${title}: ${shown(path)} ${error.message}` };
  }
}
