import { suggestion } from '../shared/runtime/flags.js';
import { faultKinds, type ProcessFaultKind } from './record.js';

/** How often each kind comes, as a share of all; 0: never. */
export type Mix = Readonly<Record<ProcessFaultKind, number>>;

/**
 * Faults of processes cost a start each, those of Redis stop everything, and recovery holds off for a lease
 * after each of them: often enough to matter, seldom enough that the rest goes on.
 */
export const usualMix: Mix = {
  'agent killed': 8,
  'agent killed at a point': 8,
  'agent stopped': 4,
  'agent frozen': 10,
  'agent frozen at a point': 8,
  'server killed': 5,
  'server killed at a point': 5,
  'server frozen': 4,
  'Redis killed': 1,
  'Redis killed while loading': 0.5,
  'Redis killed while rewriting': 0.5,
  'Redis frozen': 1,
  'link down': 11,
  'link half open': 9,
  'link slow': 8,
  'link fragmented': 8,
  'reply lost': 13,
  'request late': 10,
  'entry duplicated': 10,
  'queue paused': 5,
};

/** Words that stand for several kinds. */
export const families: Readonly<Record<string, readonly ProcessFaultKind[]>> = {
  kill: ['agent killed', 'server killed'],
  stop: ['agent stopped'],
  freeze: ['agent frozen', 'server frozen'],
  point: ['agent killed at a point', 'agent frozen at a point', 'server killed at a point'],
  redis: ['Redis killed', 'Redis killed while loading', 'Redis killed while rewriting', 'Redis frozen'],
  link: ['link down', 'link half open', 'link slow', 'link fragmented'],
  reply: ['reply lost'],
  late: ['request late'],
  double: ['entry duplicated'],
  pause: ['queue paused'],
};

/** `agent killed at a point` as it is typed: `agent-killed-at-a-point`. */
const slugOf = (kind: ProcessFaultKind) => kind.toLowerCase().replaceAll(' ', '-');

/** The words that `--mix` accepts: families, and each kind by itself. */
const words: ReadonlyMap<string, readonly ProcessFaultKind[]> = new Map([
  ...Object.entries(families),
  ...faultKinds.map((kind) => [slugOf(kind), [kind]] as const),
]);

export const mixRule = `must be ${Object.keys(families).join(', ')}, or one kind such as ${slugOf('link half open')}, with commas between, each with =n to make it n times as frequent as usual`;

/**
 * Reads `--mix`: `kill,freeze` is those alone, `kill=3,link` makes kills three times as frequent beside
 * links as they usually are.
 *
 * @returns undefined when it is none, or would leave nothing
 */
export function parseMix(text: string): Mix | undefined {
  const mix = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<ProcessFaultKind, number>;
  for (const part of text.split(',')) {
    const [, word = '', factor = '1'] = /^\s*([a-z-]+)(?:=(\d+(?:\.\d+)?))?\s*$/.exec(part) ?? [];
    const kinds = words.get(word);
    if (!kinds) return undefined;
    for (const kind of kinds) mix[kind] = usualMix[kind] * Number(factor);
  }
  return Object.values(mix).some((weight) => weight > 0) ? mix : undefined;
}

/** Explains why `parseMix` rejects a text: the word that it does not know, or the rule. */
export function mixFault(text: string): string {
  const unknown = text
    .split(',')
    .map((part) => part.split('=')[0]?.trim() ?? '')
    .find((word) => !words.has(word));
  return unknown === undefined ? mixRule : `${mixRule}${suggestion(unknown, [...words.keys()])}`;
}

/** Returns the text that `parseMix` reads as this mix. */
export function mixText(mix: Mix): string {
  const parts = faultKinds.flatMap((kind) => {
    const factor = mix[kind] / usualMix[kind];
    return factor === 0 ? [] : [`${slugOf(kind)}${factor === 1 ? '' : `=${factor}`}`];
  });
  return parts.join(',');
}
