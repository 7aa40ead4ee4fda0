import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { errorCode } from './error-code.js';
import { standardLog } from './log-output.js';
import { flagOf, nearest, parseFlags, partFlags, type FlagSpec } from './flags.js';

/** One setting of a program: an environment variable, a line in `.env`, and a flag. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** `PORT`; the flag is then `--port`. */
  readonly variable: string;
  /** Reads a string; its default is the setting's. */
  readonly schema: Schema;
  readonly description: string;
  /** Its value never appears in a message. */
  readonly secret: boolean;
}

export type Settings = Readonly<Record<string, Setting>>;

/** What `loadConfig` returns: one typed value per setting, frozen. */
export type Config<S extends Settings> = { readonly [Name in keyof S]: z.output<S[Name]['schema']> };

export interface LoadOptions<S extends Settings> {
  /** `process.env` when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The arguments after the program's name; those of this process when left out. */
  readonly argv?: readonly string[];
  /** Path of the file with variables, `.env` when left out; it need not exist. */
  readonly dotenv?: string;
  /** Rules that concern several settings: one fault per string. Called when each value is fine by itself. */
  readonly check?: (config: Config<S>) => string[];
}

/** The configuration is wrong. Print `faults`, one per line, and exit with code 1. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

export function setting<Schema extends z.ZodType>(
  variable: string,
  schema: Schema,
  description: string,
  options: { readonly secret?: boolean } = {},
): Setting<Schema> {
  return { variable, schema, description, secret: options.secret ?? false };
}

/** A whole number in decimal digits. The default bound keeps it fit for a timer: Node turns 2^31 ms into 1 ms. */
export function integer(min: number, max = 2 ** 31 - 1) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string({ error })
    .regex(/^-?\d+$/, { error })
    .transform(Number)
    .pipe(z.int({ error }).min(min, { error }).max(max, { error }));
}

/** `true` or `false`, also `1` or `0`; as a flag it needs no value. */
export function boolean() {
  const error = 'must be true or false';
  return z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], error });
}

/** One word out of several. */
export function choice<const Word extends string>(words: readonly [Word, ...Word[]]) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` });
}

/**
 * Reads a program's configuration: a flag beats a variable, a variable beats `.env`, and that beats
 * the default. An empty variable counts as not set, as docker-compose passes them. `--help` prints
 * the settings and ends the process with code 0.
 *
 * @param program how the user starts it, for `--help`
 * @throws ConfigError with every fault at once
 */
export function loadConfig<const S extends Settings>(
  program: string,
  settings: S,
  options: LoadOptions<S> = {},
): Config<S> {
  const flags = parseFlags(flagSpecs(settings), options.argv ?? process.argv.slice(2));
  if (flags.help) {
    standardLog.write(helpText(program, settings));
    process.exit(0);
  }
  const env = options.env ?? process.env;
  const file = readDotenv(options.dotenv ?? '.env');
  const faults = [...flags.faults, ...misspeltVariables(settings, { ...file, ...env })];
  const values: Record<string, unknown> = {};
  for (const [name, { variable, schema, secret }] of Object.entries(settings)) {
    const { from, raw } = pick(variable, flags.values, env, file);
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(describeFault(from, secret ? undefined : raw, parsed.error));
  }
  if (faults.length > 0) throw new ConfigError(faults);
  // Each value came out of the schema that the type is inferred from.
  const config = Object.freeze(values) as Config<S>;
  const crossFaults = options.check?.(config) ?? [];
  if (crossFaults.length > 0) throw new ConfigError(crossFaults);
  return config;
}

/** Parts the flags that `settings` know from those meant for another program. */
export function partArguments(settings: Settings, argv: readonly string[]): ReturnType<typeof partFlags> {
  return partFlags(flagSpecs(settings), argv);
}

/** The table that `--help` prints. */
export function helpText(program: string, settings: Settings): string {
  const rows = Object.values(settings).map(({ variable, schema, description }) => {
    const unset = schema.safeParse(undefined);
    const value = unset.success && unset.data !== undefined ? `, ${JSON.stringify(unset.data)} if unset` : '';
    return [flagOf(variable), variable, `${description}${value}`] as const;
  });
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(
    ([flag, variable, text]) => `  ${flag.padEnd(width(0))}  ${variable.padEnd(width(1))}  ${text}`,
  );
  return [`${program}: flags, or the variables beside them (environment, or .env)`, ...lines, ''].join('\n');
}

function flagSpecs(settings: Settings): FlagSpec[] {
  return Object.values(settings).map(({ variable, schema }) => {
    const asTrue = schema.safeParse('true');
    return { variable, boolean: asTrue.success && asTrue.data === true };
  });
}

type Variables = Readonly<Record<string, string | undefined>>;

function pick(variable: string, flags: ReadonlyMap<string, string>, env: Variables, file: Variables) {
  const flag = flags.get(variable);
  if (flag !== undefined) return { from: flagOf(variable), raw: flag };
  if (env[variable]) return { from: variable, raw: env[variable] };
  if (file[variable]) return { from: `${variable} in .env`, raw: file[variable] };
  return { from: variable, raw: undefined };
}

function describeFault(from: string, raw: string | undefined, error: z.ZodError): string {
  const rules = [...new Set(error.issues.map((issue) => issue.message))].join('; ');
  return raw === undefined ? `${from}: ${rules}` : `${from}: ${rules}, but is ${JSON.stringify(raw)}`;
}

/**
 * A misspelt variable would otherwise be skipped in silence, and the default used. Strict on purpose:
 * variables of other programs share this environment (REDIS_HOST is two letters from REDIS_PORT), and
 * none of them may ever stop a start.
 */
function misspeltVariables(settings: Settings, present: Variables): string[] {
  const known = Object.values(settings).map(({ variable }) => variable);
  const missing = known.filter((variable) => !present[variable]);
  return Object.keys(present).flatMap((name) => {
    if (known.includes(name)) return [];
    const sameStart = missing.filter(
      (variable) => variable.length >= 8 && variable.slice(0, 4) === name.slice(0, 4),
    );
    const meant = nearest(name, sameStart);
    return meant === undefined ? [] : [`unknown variable ${name}, did you mean ${meant}?`];
  });
}

function readDotenv(path: string): Variables {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return {};
    throw error;
  }
}
