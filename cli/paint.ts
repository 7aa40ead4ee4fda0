import { colourMark } from './commands/colours.js';

/** Colours by their meaning. A terminal sees them once the line is printed (`lineFor`). */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly busy: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly strong: (text: string) => string;
}

const plain = (text: string) => text;
const noPaint: Paint = { good: plain, bad: plain, busy: plain, faint: plain, strong: plain };

/** By the numbers that begin and end a colour: ECMA-48, SGR. */
const style = (begin: number, end: number) => (text: string) =>
  text === '' ? '' : `${colourMark(begin)}${text}${colourMark(end)}`;
const colours: Paint = {
  good: style(32, 39),
  bad: style(31, 39),
  busy: style(36, 39),
  faint: style(2, 22),
  strong: style(1, 22),
};

/** Returns colours for a terminal that wants them: NO_COLOR and TERM=dumb mean that it does not. */
export function paintFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Paint {
  const isWanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return isWanted ? colours : noPaint;
}
