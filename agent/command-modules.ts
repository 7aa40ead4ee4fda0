import { closest, distance } from 'fastest-levenshtein';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { typeTimeoutSchema } from '../shared/protocol/command-types.js';
import { commandTypeSchema, defaults } from '../shared/protocol/commands.js';
import { messageOf } from '../shared/runtime/thrown.js';
import { type CommandType } from './commands/command-type.js';

/** A module that was named as one of command types cannot be used. The message has its name and the reason. */
export class InvalidCommandModuleError extends Error {
  override readonly name = 'InvalidCommandModuleError';
}

const functionSchema = <T>() =>
  z.custom<T>((value) => typeof value === 'function', { error: 'must be a function' });
// By its traits, and not by its class: the module may have a copy of zod of its own.
const schemaSchema = z.custom<z.ZodType>((value) => value instanceof z.ZodType, {
  error: 'must be a schema made with zod 4',
});

const definitionSchema = z.strictObject({
  type: commandTypeSchema,
  payload: schemaSchema,
  result: schemaSchema,
  timeoutMs: z
    .union([typeTimeoutSchema, functionSchema<CommandType['timeoutMs'] & CallableFunction>()], {
      error: 'must be a whole number of ms, {payloadField, plusMs}, or a function of the payload',
    })
    .default(defaults.timeoutMs),
  onAgentLost: z.enum(['fail', 'retry'], { error: 'must be fail or retry' }).optional(),
  execute: functionSchema<CommandType['execute']>(),
});
const knownNames = Object.keys(definitionSchema.shape);

/**
 * Loads a module, ES or CommonJS, and finds the command types that it exports: as its default, by
 * name, in an array. What else it exports is its own business.
 *
 * @param module a path, from the working directory, or the name of a package
 * @throws InvalidCommandModuleError
 */
export async function loadCommandModule(module: string, patience?: LoadPatience): Promise<CommandType[]> {
  const isPath = module.startsWith('.') || isAbsolute(module);
  const file = isPath ? resolve(module) : module;
  const types = exportsIn(await watched(file, importOf(file, isPath), patience), '').map(([name, value]) =>
    commandTypeIn(file, name, value),
  );
  if (types.length > 0) return types;
  throw new InvalidCommandModuleError(
    `${file} exports no command type: make one with defineCommand, and export it as the default, by name, or in an array`,
  );
}

/** How to react to a module that does not load: its top-level `await` may take long, or never settle. */
export interface LoadPatience {
  /** After so many ms; 5,000 when left out. */
  readonly waitMs?: number;
  readonly onWaiting: (file: string) => void;
  /** The event loop is empty: nothing in this process can settle it any more. */
  readonly onNeverLoaded: (file: string) => void;
}

async function watched<T>(file: string, loading: Promise<T>, patience?: LoadPatience): Promise<T> {
  if (!patience) return loading;
  const { waitMs = 5000, onWaiting, onNeverLoaded } = patience;
  // The timer must not keep a process alive in which nothing else is left to happen.
  const timer = setTimeout(() => onWaiting(file), waitMs).unref();
  const isOver = () => onNeverLoaded(file);
  process.once('beforeExit', isOver);
  try {
    return await loading;
  } finally {
    clearTimeout(timer);
    process.off('beforeExit', isOver);
  }
}

async function importOf(file: string, isPath: boolean): Promise<unknown> {
  try {
    return await import(isPath ? pathToFileURL(file).href : file);
  } catch (error) {
    const why = messageOf(error);
    const hint = !isPath && /\.[cm]?[jt]s$/.test(file) ? ` (a file is named by its path: ./${file})` : '';
    throw new InvalidCommandModuleError(`${file} cannot be loaded: ${why}${hint}`, { cause: error });
  }
}

type Exported = readonly [name: string, value: unknown];

/** Finds what is, or is meant to be, a command type. The default of a CommonJS module is its exports once more. */
function exportsIn(module: unknown, name: string): Exported[] {
  if (Array.isArray(module)) {
    const isMeant = name === 'default' || module.some((item) => marksIn(item) > 1);
    return isMeant ? module.map((item, i) => [`${name}[${i}]`, item]) : [];
  }
  if (!isObject(module)) return [];
  if (name !== '' && marksIn(module) > (name === 'default' ? 0 : 1)) return [[name, module]];
  // No object but the module itself, and its default, is searched.
  if (name !== '' && name !== 'default') return [];
  const found = new Map<unknown, Exported>();
  for (const [inner, value] of Object.entries(module)) {
    // Each by its first name: CommonJS shows one both by its own, and within the default.
    for (const one of exportsIn(value, inner)) if (!found.has(one[1])) found.set(one[1], one);
  }
  return [...found.values()];
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** A schema has a `type`, too. */
const marksIn = (value: unknown) =>
  isObject(value) ? ['type', 'payload', 'execute'].filter((mark) => mark in value).length : 0;

function commandTypeIn(file: string, name: string, value: unknown): CommandType {
  return commandTypeOf(name === '' || name === 'default' ? file : `${file}, export ${name}`, value);
}

/** @param where it was found, for the message @throws InvalidCommandModuleError when it is no command type */
export function commandTypeOf(where: string, value: unknown): CommandType {
  const checked = definitionSchema.safeParse(value);
  if (!checked.success) {
    const faults = checked.error.issues.flatMap(faultsOf);
    throw new InvalidCommandModuleError(`${where} is no command type: ${faults.join('; ')}`);
  }
  const { execute, ...type } = checked.data;
  // Bound, since `execute` may be a method of its object.
  return { ...type, execute: execute.bind(value) };
}

function faultsOf(issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.') || 'it'}: ${issue.message}`];
  return issue.keys.map((key) => {
    const near = closest(key, knownNames);
    const isNear = distance(key, near) <= near.length / 2 || key.toLowerCase().includes(near.toLowerCase());
    const hint = isNear ? `, did you mean ${near}?` : '';
    return `${key}: is not known${hint}`;
  });
}
