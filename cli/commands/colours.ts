import { randomBytes } from 'node:crypto';
import { harmless } from '../../shared/runtime/harmless.js';

/** No other program can guess it, so a marker that contains it is a colour of this program. */
const secret = randomBytes(12).toString('hex');
const marker = new RegExp(`<${secret}:(\\d+)>`, 'g');

/** A colour, by its number, as it is carried in text until that is printed. */
export const colourMark = (number: number): string => `<${secret}:${number}>`;

/** How wide a terminal shows it. */
export const seenWidth = (text: string): number => harmless(text.replace(marker, '')).length;

/** One line for a terminal: harmless, but for the colours of this program. */
export function lineFor(text: string): string {
  return harmless(text).replace(marker, (_, number: string) => `\u001b[${number}m`);
}
