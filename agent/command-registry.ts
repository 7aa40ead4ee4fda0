import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type AnnouncedType } from '../shared/transport/transport.js';
import { BadCommandModule, loadCommandModule } from './command-modules.js';
import { type CommandType } from './commands/command-type.js';

/** The command types of an agent, by name. */
export type CommandRegistry = ReadonlyMap<string, CommandType>;

/**
 * Loads every command type: the files in `agent/commands/`, and the modules that `AGENT_COMMANDS`
 * names (paths from the working directory, or packages).
 *
 * @throws BadCommandModule when one exports no command type, or two types have the same name
 */
export async function loadCommands(extraModules: readonly string[] = []): Promise<CommandRegistry> {
  const registry = new Map<string, CommandType>();
  for (const module of [...(await builtInFiles()), ...extraModules]) {
    for (const type of await loadCommandModule(module)) {
      if (registry.has(type.type)) {
        throw new BadCommandModule(`${module}: the command type ${type.type} exists already`);
      }
      checkSchemas(module, type);
      registry.set(type.type, type);
    }
  }
  return registry;
}

/** What a command type is, and how one is made, are no types themselves. */
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
    throw new BadCommandModule(`${module}: the schemas of ${type.type} have no JSON Schema: ${why}`, {
      cause: error,
    });
  }
}

/** What the agent tells the servers of its types, so that they can check payloads at the door. */
export function announcementOf(registry: CommandRegistry): AnnouncedType[] {
  return [...registry.values()].map(announcementOfType);
}

function announcementOfType({ type, payload, result, onAgentLost, timeoutMs }: CommandType): AnnouncedType {
  return {
    type,
    payload: z.toJSONSchema(payload, { io: 'input', unrepresentable: 'any' }),
    result: z.toJSONSchema(result, { io: 'output', unrepresentable: 'any' }),
    onAgentLost: onAgentLost ?? 'fail',
    defaultTimeoutMs: typeof timeoutMs === 'function' ? null : timeoutMs,
  };
}
