import { readdir } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { typeTimeoutSchema } from '../shared/protocol/command-types.js';
import { commandTypeSchema } from '../shared/protocol/commands.js';
import { type AnnouncedType } from '../shared/transport/transport.js';
import { type CommandType } from './commands/command-type.js';

/** A module that was named as a command type is none. The message says what is missing. */
export class BadCommandModule extends Error {
  override readonly name = 'BadCommandModule';
}

/** The command types of an agent, by name. */
export type CommandRegistry = ReadonlyMap<string, CommandType>;

const isSchema = (value: unknown) => value instanceof z.ZodType;
const moduleSchema = z.looseObject({
  type: commandTypeSchema,
  payload: z.custom<z.ZodType>(isSchema, 'must be a zod schema'),
  result: z.custom<z.ZodType>(isSchema, 'must be a zod schema'),
  defaultTimeoutMs: z.union([
    typeTimeoutSchema,
    z.custom<() => number>((value) => typeof value === 'function'),
  ]),
  onAgentLost: z.enum(['fail', 'retry']).optional(),
  execute: z.custom<CommandType['execute']>((value) => typeof value === 'function', 'must be a function'),
});

/**
 * Loads every command type: the files in `agent/commands/`, and the modules that `AGENT_COMMANDS`
 * names (paths from the working directory, or packages).
 *
 * @throws BadCommandModule when one is not a command type, or two have the same name
 */
export async function loadCommands(extraModules: readonly string[] = []): Promise<CommandRegistry> {
  const registry = new Map<string, CommandType>();
  for (const file of [...(await builtInFiles()), ...extraModules.map(located)]) {
    const command = await loadCommand(file);
    if (registry.has(command.type))
      throw new BadCommandModule(`${file}: the command type ${command.type} exists already`);
    registry.set(command.type, command);
  }
  return registry;
}

async function builtInFiles(): Promise<string[]> {
  const folder = join(__dirname, 'commands');
  const files = await readdir(folder);
  return files
    .filter(
      (file) => /\.[jt]s$/.test(file) && !/\.(test|d)\.ts$/.test(file) && !file.startsWith('command-type.'),
    )
    .sort()
    .map((file) => join(folder, file));
}

/** A path of a file, or the name of a package as it is. */
function located(module: string): string {
  return module.startsWith('.') || isAbsolute(module) ? resolve(module) : module;
}

async function loadCommand(file: string): Promise<CommandType> {
  let imported: unknown;
  try {
    imported = await import(isAbsolute(file) ? pathToFileURL(file).href : file);
  } catch (error) {
    throw new BadCommandModule(
      `${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  const exported = defaultExport(imported);
  const checked = moduleSchema.safeParse(exported);
  if (!checked.success) {
    const faults = checked.error.issues.map(
      (issue) => `${issue.path.join('.') || 'default export'}: ${issue.message}`,
    );
    throw new BadCommandModule(`${file} is no command type: ${faults.join('; ')}`);
  }
  // Checked member by member just above; what `execute` does with its context only its author knows.
  return exported as CommandType;
}

/** `import()` of a CommonJS module wraps its `exports.default` once more. */
function defaultExport(module: unknown): unknown {
  let value = module;
  for (let depth = 0; depth < 2; depth++) {
    if (typeof value !== 'object' || value === null || !('default' in value)) break;
    value = value.default;
  }
  return value;
}

/** What the agent tells the servers of its types, so that they can check payloads at the door. */
export function announcementOf(registry: CommandRegistry): AnnouncedType[] {
  return [...registry.values()].map(({ type, payload, result, onAgentLost, defaultTimeoutMs }) => ({
    type,
    payload: z.toJSONSchema(payload, { io: 'input', unrepresentable: 'any' }),
    result: z.toJSONSchema(result, { io: 'output', unrepresentable: 'any' }),
    onAgentLost: onAgentLost ?? 'fail',
    defaultTimeoutMs: typeof defaultTimeoutMs === 'function' ? null : defaultTimeoutMs,
  }));
}
