import { closest, distance } from 'fastest-levenshtein';

/** A setting as the command line sees it: `PORT` is `--port`. */
export interface FlagSpec {
  readonly variable: string;
  /** `--name` alone means true, and the next argument is not its value. */
  readonly boolean: boolean;
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

/** Reads `--name=value`, `--name value` and, for booleans, `--name`. The last one wins. */
export function parseFlags(specs: readonly FlagSpec[], argv: readonly string[]): ParsedFlags {
  const values = new Map<string, string>();
  const faults: string[] = [];
  let help = false;
  const known = new Map(specs.map((spec) => [flagOf(spec.variable), spec]));
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const { name, value } = splitFlag(argument);
    const spec = known.get(name);
    if (name === '--help' || name === '-h') help = true;
    else if (!name.startsWith('-')) faults.push(`unexpected argument '${argument}'`);
    else if (!spec) {
      faults.push(unknownFlag(name, [...known.keys()]));
      // Its value, else that would be a second fault for one mistake.
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
 * near to one that they must be misspelt; `foreign` is the rest, for the other program to judge.
 */
export function partFlags(
  specs: readonly FlagSpec[],
  argv: readonly string[],
): { readonly own: string[]; readonly foreign: string[] } {
  const known = new Map(specs.map((spec) => [flagOf(spec.variable), spec]));
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

function unknownFlag(name: string, known: string[]): string {
  // Generous here: a wrong suggestion costs nothing, the start has failed already.
  const suggestion = known.length > 0 ? closest(name, known) : undefined;
  const near = suggestion !== undefined && distance(name, suggestion) <= Math.ceil(suggestion.length / 3);
  return near ? `unknown flag ${name}, did you mean ${suggestion}?` : `unknown flag ${name}`;
}

function splitFlag(argument: string): { name: string; value: string | undefined } {
  const equals = argument.indexOf('=');
  if (!argument.startsWith('--') || equals < 0) return { name: argument, value: undefined };
  return { name: argument.slice(0, equals), value: argument.slice(equals + 1) };
}
