import { z } from 'zod';
import { readDotenv, type Variables } from './dotenv.js';
import { flagOf, nearest, parseFlags, partFlags, suggestion, type FlagSpec } from './flags.js';
import { standardError, standardLog } from './log-output.js';
import { shown } from './redact.js';
import { fileVariableOf, readSecretFile } from './secret-file.js';

/** One setting of a program: an environment variable, a line in `.env`, and a flag. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  /** `PORT`; the flag is then `--port`. */
  readonly variable: string;
  /** Reads a string; its default is the setting's. */
  readonly schema: Schema;
  readonly description: string;
  /** Whether the value must never appear in a message, and may be in a file that `<variable>_FILE` names. */
  readonly secret: boolean;
  /** A shorter flag beside that of the variable. */
  readonly alias?: string | undefined;
}

export type Settings = Readonly<Record<string, Setting>>;

/** The result of `loadConfig`: one typed value per setting, frozen. */
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
  /** Prints what is dubious; on standard error when left out. */
  readonly warn?: (line: string) => void;
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
  options: { readonly secret?: boolean; readonly alias?: `--${string}` } = {},
): Setting<Schema> {
  return { variable, schema, description, secret: options.secret ?? false, alias: options.alias };
}

/** A whole number in decimal digits. The default bound keeps it fit for a timer: Node turns 2^31 ms into 1 ms. */
export function integer(min: number, max = 2 ** 31 - 1) {
  const error = `must be a whole number from ${min} to ${max}`;
  return (
    z
      .string({ error })
      .regex(/^-?\d+$/, { error })
      // Not -0, which `-0` would be.
      .transform((text) => Number(text) + 0)
      .pipe(z.int({ error }).min(min, { error }).max(max, { error }))
  );
}

/** `true` or `false`, also `1` or `0`; as a flag it needs no value. */
export function boolean() {
  const error = 'must be true or false';
  return z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], error });
}

/** One word out of several. */
export function choice<const Word extends string>(words: readonly [Word, ...Word[]]) {
  const error = ({ input }: { readonly input?: unknown }) =>
    `must be one of ${words.join(', ')}${typeof input === 'string' ? suggestion(input, words) : ''}`;
  return z.enum(words, { error });
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
  const file = readDotenv(options.dotenv ?? '.env', variablesOf(settings));
  const sources = { flags: flags.values, env, file: file.variables };
  const faults = [
    ...flags.faults,
    ...file.faults,
    ...misspeltVariables(settings, { ...file.variables, ...env }),
  ];
  const warn = options.warn ?? ((line) => standardError.write(`${line}\n`));
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const given = valueOf(setting, sources, warn);
    if ('fault' in given) {
      faults.push(given.fault);
      continue;
    }
    const parsed = setting.schema.safeParse(given.raw);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(describeFault(given.from, setting.secret ? undefined : given.raw, parsed.error));
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
  const rows = Object.values(settings).map(({ variable, schema, description, secret, alias }) => {
    const unset = valueIfUnset(schema);
    const value = unset === undefined ? '' : `, ${JSON.stringify(unset)} if unset`;
    const orFile = secret ? `; or ${fileVariableOf(variable)}, a file that holds it` : '';
    const flags = alias === undefined ? flagOf(variable) : `${flagOf(variable)}, ${alias}`;
    return [flags, variable, `${description}${value}${orFile}`] as const;
  });
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(
    ([flag, variable, text]) => `  ${flag.padEnd(width(0))}  ${variable.padEnd(width(1))}  ${text}`,
  );
  return [`${program}: flags, or the variables beside them (environment, or .env)`, ...lines, ''].join('\n');
}

/** The default of a setting, as a user would write it; undefined when it has none, or an empty one. */
export function valueIfUnset(schema: z.ZodType): unknown {
  // A prefault is the text that is read when nothing is given, and not what becomes of it: a path in full, a list.
  if (schema instanceof z.ZodPrefault) return schema.def.defaultValue || undefined;
  const unset = schema.safeParse(undefined);
  return unset.success ? unset.data : undefined;
}

function flagSpecs(settings: Settings): FlagSpec[] {
  return Object.values(settings).flatMap(({ variable, schema, secret, alias }) => {
    const asTrue = schema.safeParse('true');
    const spec = { variable, boolean: asTrue.success && asTrue.data === true, alias };
    return secret ? [spec, { variable: fileVariableOf(variable), boolean: false }] : [spec];
  });
}

const variablesOf = (settings: Settings) => flagSpecs(settings).map(({ variable }) => variable);

interface Sources {
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Variables;
  readonly file: Variables;
}

interface Given {
  /** The name of the value's source in a message. */
  readonly from: string;
  readonly raw: string | undefined;
}

/** The text of a setting, itself or from the file that is named for it, by whichever source comes first. */
function valueOf(
  { variable, secret }: Setting,
  { flags, env, file }: Sources,
  warn: (line: string) => void,
): Given | { readonly fault: string } {
  const places = [
    { read: (name: string) => flags.get(name), title: flagOf },
    // A byte order mark comes along when a file is read into a variable.
    { read: (name: string) => env[name]?.replace(/^\ufeff/, '') || undefined, title: (name: string) => name },
    { read: (name: string) => file[name] || undefined, title: (name: string) => `${name} in .env` },
  ];
  for (const { read, title } of places) {
    const raw = read(variable);
    const path = secret ? read(fileVariableOf(variable)) : undefined;
    const fileTitle = title(fileVariableOf(variable));
    if (raw !== undefined && path !== undefined) {
      return { fault: `${title(variable)} and ${fileTitle} are both set: unset one of them` };
    }
    if (raw !== undefined) return { from: title(variable), raw };
    if (path !== undefined) return readSecretFile(fileTitle, path, warn);
  }
  return { from: variable, raw: undefined };
}

function describeFault(from: string, raw: string | undefined, error: z.ZodError): string {
  const rules = [...new Set(error.issues.map((issue) => issue.message))].join('; ');
  return raw === undefined ? `${from}: ${rules}` : `${from}: ${rules}, but is ${shown(raw)}`;
}

/**
 * A misspelt variable would otherwise be skipped in silence, and the default used. Strict on purpose:
 * variables of other programs share this environment (REDIS_HOST is two letters from REDIS_PORT), and
 * none of them may ever stop a start.
 */
function misspeltVariables(settings: Settings, present: Variables): string[] {
  const known = variablesOf(settings);
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
