import { closest, distance } from 'fastest-levenshtein';
import { shown } from './redact.js';

/** A setting as the command line sees it: `PORT` is `--port`. */
export interface FlagSpec {
  readonly variable: string;
  /** `--name` alone means true, and the next argument is not its value. */
  readonly boolean: boolean;
  /** A shorter flag for it, `--commands`. */
  readonly alias?: string | undefined;
}

export interface ParsedFlags {
  /** The raw value by variable. */
  readonly values: ReadonlyMap<string, string>;
  /** `--help` or `-h` was among them. */
  readonly help: boolean;
  readonly faults: readonly string[];
}

/** `AGENT_ID` → `--agent-id`. */
export function flagOf(variable: string): string {
  return `--${variable.toLowerCase().replaceAll('_', '-')}`;
}

const byFlag = (specs: readonly FlagSpec[]) =>
  new Map(
    specs.flatMap((spec) =>
      [flagOf(spec.variable), ...(spec.alias === undefined ? [] : [spec.alias])].map(
        (flag) => [flag, spec] as const,
      ),
    ),
  );

/** Reads `--name=value`, `--name value` and, for booleans, `--name`. The last one wins. */
export function parseFlags(specs: readonly FlagSpec[], argv: readonly string[]): ParsedFlags {
  const values = new Map<string, string>();
  const faults: string[] = [];
  let help = false;
  const known = byFlag(specs);
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const { name, value } = splitFlag(argument);
    const spec = known.get(name);
    if (name === '--help' || name === '-h') help = true;
    else if (!name.startsWith('-')) faults.push(unexpected(argument, argv[argv.length - rest.length - 2]));
    else if (!spec) {
      faults.push(unknownFlag(name, [...known.keys()]));
      // The value goes too: it would be a second fault for one mistake.
      if (value === undefined && rest[0]?.startsWith('-') === false) rest.shift();
    } else if (value !== undefined) values.set(spec.variable, value);
    else if (spec.boolean) values.set(spec.variable, 'true');
    else if (rest[0] === undefined || rest[0].startsWith('--')) faults.push(`${name}: a value is missing`);
    else values.set(spec.variable, rest.shift() ?? '');
  }
  return { values, help, faults };
}

/**
 * Parts a command line that is meant for two programs. `own` are the flags in `specs`, and those so
 * near to one that they must be misspelt; `foreign` is the rest, for the other program to check.
 */
export function partFlags(
  specs: readonly FlagSpec[],
  argv: readonly string[],
): { readonly own: string[]; readonly foreign: string[] } {
  const known = byFlag(specs);
  const own: string[] = [];
  const foreign: string[] = [];
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const { name, value } = splitFlag(argument);
    const spec = known.get(name);
    const isOwn = spec || name === '--help' || !name.startsWith('--') || nearest(name, [...known.keys()]);
    const side = isOwn ? own : foreign;
    side.push(argument);
    if (value === undefined && spec?.boolean !== true && rest[0]?.startsWith('-') === false) {
      if (name.startsWith('--')) side.push(rest.shift() ?? '');
    }
  }
  return { own, foreign };
}

/** The candidate that `name` is probably a misspelling of: one slip in eight characters. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const candidate = closest(name, [...candidates]);
  return distance(name, candidate) <= Math.max(1, Math.floor(candidate.length / 8)) ? candidate : undefined;
}

/**
 * `, did you mean redis?` for the end of a message about a word that is none of those that are known; '' when
 * none is near. Generous: a wrong suggestion costs nothing, what was typed is refused already.
 */
export function suggestion(word: string, known: readonly string[]): string {
  const near = known.length > 0 ? closest(word, [...known]) : '';
  const isNear = near !== '' && word.length <= 64 && distance(word, near) <= Math.ceil(near.length / 3);
  return isNear ? `, did you mean ${near}?` : '';
}

/** Behind a flag it may be the secret that the flag was to have, and is not shown. */
function unexpected(argument: string, before: string | undefined): string {
  if (!before?.startsWith('-')) return `unexpected argument ${shown(argument)}`;
  return `unexpected argument behind ${splitFlag(before).name}`;
}

/** @param name without a value: `-redis-url=redis://:secret@h` is no flag, and holds one all the same */
function unknownFlag(name: string, known: string[]): string {
  const [bare = ''] = name.split('=');
  return `unknown flag ${bare.slice(0, 64)}${suggestion(bare, [...known, '--help'])}`;
}

function splitFlag(argument: string): { name: string; value: string | undefined } {
  const equals = argument.indexOf('=');
  if (!argument.startsWith('--') || equals < 0) return { name: argument, value: undefined };
  return { name: argument.slice(0, equals), value: argument.slice(equals + 1) };
}
