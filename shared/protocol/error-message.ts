import { toUSVString } from 'node:util';
import { limits } from './commands.js';

/**
 * Cuts an error's message down to its first characters, none of them cut through. A lone half of a
 * surrogate pair becomes U+FFFD: it is no Unicode, and a strict parser (jq, PostgreSQL) would refuse the
 * whole answer for it.
 */
export function keptMessage(text: string, mostChars: number = limits.messageChars): string {
  const start = text.slice(0, mostChars);
  const isCutThrough = start.length < text.length && /[\ud800-\udbff]$/.test(start);
  return toUSVString(isCutThrough ? start.slice(0, -1) : start);
}
