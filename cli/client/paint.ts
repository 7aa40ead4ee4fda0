import { styleText } from 'node:util';

/** Colours by what they say. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly busy: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly strong: (text: string) => string;
}

const plain = (text: string) => text;
const noPaint: Paint = { good: plain, bad: plain, busy: plain, faint: plain, strong: plain };

// `validateStream: false`: whether there is colour is decided here, not by what stdout is.
const style = (format: Parameters<typeof styleText>[0]) => (text: string) =>
  text === '' ? '' : styleText(format, text, { validateStream: false });
const colours: Paint = {
  good: style('green'),
  bad: style('red'),
  busy: style('cyan'),
  faint: style('dim'),
  strong: style('bold'),
};

/** Colours on a terminal that wants them: NO_COLOR and TERM=dumb say that it does not. */
export function paintFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Paint {
  const isWanted = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return isWanted ? colours : noPaint;
}
