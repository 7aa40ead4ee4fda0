import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type AnnouncedType } from '../shared/protocol/command-types.js';
import { InvalidCommandModuleError, type LoadPatience, loadCommandModule } from './command-modules.js';
import { type CommandType } from './commands/command-type.js';

/** The command types of an agent, by name. */
export type CommandRegistry = ReadonlyMap<string, CommandType>;

/**
 * Loads every command type: the files in `agent/commands/`, and the modules that `AGENT_COMMANDS`
 * names (paths from the working directory, or packages).
 *
 * @throws InvalidCommandModuleError when one exports no command type, or two types have the same name
 */
export async function loadCommands(
  extraModules: readonly string[] = [],
  patience?: LoadPatience,
): Promise<CommandRegistry> {
  const registry = new Map<string, CommandType>();
  for (const module of [...(await builtInFiles()), ...extraModules]) {
    for (const type of await loadCommandModule(module, patience)) {
      if (registry.has(type.type)) {
        throw new InvalidCommandModuleError(`${module}: the command type ${type.type} exists already`);
      }
      checkSchemas(module, type);
      registry.set(type.type, type);
    }
  }
  return registry;
}

/** The files that define what a command type is, and how one is made; they are no types themselves. */
const notBuiltIn = /^(command-type|define-command)\./;

async function builtInFiles(): Promise<string[]> {
  const folder = join(__dirname, 'commands');
  const files = await readdir(folder);
  return files
    .filter((file) => /\.[jt]s$/.test(file) && !/\.(test|d)\.ts$/.test(file) && !notBuiltIn.test(file))
    .sort()
    .map((file) => join(folder, file));
}

export function checkSchemas(module: string, type: CommandType): void {
  try {
    announcementOfType(type);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidCommandModuleError(
      `${module}: the schemas of ${type.type} have no JSON Schema: ${why}`,
      {
        cause: error,
      },
    );
  }
}

/** Returns what the agent announces of its types, so that servers can check payloads at submission. */
export function announcementOf(registry: CommandRegistry): AnnouncedType[] {
  return [...registry.values()].map(announcementOfType);
}

function announcementOfType({ type, payload, result, onAgentLost, timeoutMs }: CommandType): AnnouncedType {
  return {
    type,
    payload: jsonSchemaOf(payload),
    // A result is stored as the handler returned it: the input of its schema is what is stored, not the output.
    result: jsonSchemaOf(result),
    onAgentLost: onAgentLost ?? 'fail',
    defaultTimeoutMs: typeof timeoutMs === 'function' ? null : timeoutMs,
  };
}

/** Converts a schema as far as JSON Schema can express it, and alike in every process that has the same code. */
function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // A default may be made anew each time, as an id or the time of day is: two agents with the same code
      // would then announce different schemas.
      delete jsonSchema.default;
      // JSON Schema knows no flags, and without them it would refuse what the agent takes.
      if (!patternsIn(zodSchema).some(({ flags }) => /[ims]/.test(flags))) return;
      delete jsonSchema.pattern;
      delete jsonSchema.allOf;
    },
  });
}

/** Returns the patterns of the schema itself, as the schema of a format has one, and of its checks. */
function patternsIn({ _zod: { def } }: z.core.$ZodType): RegExp[] {
  const defs: object[] = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  return defs.flatMap((each) => ('pattern' in each && each.pattern instanceof RegExp ? [each.pattern] : []));
}
