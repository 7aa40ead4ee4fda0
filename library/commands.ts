import { commandTypeOf } from '../agent/command-modules.js';
import { checkSchemas, type CommandRegistry, loadCommands } from '../agent/command-registry.js';
import { type CommandType, type ExecutionContext } from '../agent/commands/command-type.js';
import { ConfigError } from '../shared/runtime/config.js';

/** A command type as `defineCommand` makes it, whatever its payload. */
export interface AnyCommandType extends Pick<CommandType, 'type' | 'payload' | 'result' | 'onAgentLost'> {
  execute(context: ExecutionContext<never>): Promise<unknown>;
}

/**
 * @throws InvalidCommandModuleError when one is no command type, or its schemas have no JSON Schema; ConfigError when
 *   there are none, or two have the same name
 */
export function readCommands(commands: readonly AnyCommandType[], builtIn: boolean): CommandType[] {
  const types = commands.map((command, i) => {
    const type = commandTypeOf(`commands[${i}]`, command);
    checkSchemas(`commands[${i}]`, type);
    return type;
  });
  if (types.length === 0 && !builtIn)
    throw new ConfigError(['commands: names none, so there is nothing to execute']);
  const names = types.map(({ type }) => type);
  const twice = names.filter((name, i) => names.indexOf(name) < i);
  if (twice.length > 0) throw new ConfigError([`commands: has ${twice.join(', ')} twice`]);
  return types;
}

/** Registers the given types, which replace built-in ones of the same name, and the built-in ones if `builtIn`. */
export async function registryOf(types: readonly CommandType[], builtIn: boolean): Promise<CommandRegistry> {
  const registry = new Map<string, CommandType>(builtIn ? await loadCommands() : []);
  for (const type of types) registry.set(type.type, type);
  return registry;
}
