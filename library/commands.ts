import { z } from 'zod';
import { type CommandRegistry, loadCommands } from '../agent/command-registry.js';
import { type CommandType, type ExecutionContext } from '../agent/commands/command-type.js';
import { commandTypeSchema } from '../shared/protocol/commands.js';
import { ConfigError } from '../shared/runtime/config.js';

/** What `defineCommand` makes, of whatever payload. */
export interface AnyCommandType extends Pick<CommandType, 'type' | 'payload' | 'result' | 'onAgentLost'> {
  execute(context: ExecutionContext<never>): Promise<unknown>;
}

const isSchema = (value: unknown) => value instanceof z.ZodType;
const definitionSchema = z.looseObject({
  type: commandTypeSchema,
  payload: z.custom<z.ZodType>(isSchema, 'must be a zod schema'),
  result: z.custom<z.ZodType>(isSchema, 'must be a zod schema'),
  execute: z.custom<CommandType['execute']>((value) => typeof value === 'function', 'must be a function'),
});

/**
 * The command types of an agent within another program: those that it is given, and the built-in ones
 * only if it is told so.
 *
 * @throws ConfigError with every fault
 */
export async function registryOf(
  commands: readonly AnyCommandType[],
  builtIn: boolean,
): Promise<CommandRegistry> {
  const registry = new Map<string, CommandType>(builtIn ? await loadCommands() : []);
  const faults: string[] = [];
  for (const [i, command] of commands.entries()) {
    const checked = definitionSchema.safeParse(command);
    const found = checked.error?.issues.map(
      ({ path, message }) => `commands[${i}].${path.join('.')}: ${message}`,
    );
    faults.push(...(found ?? []));
    if (registry.has(command.type)) faults.push(`commands[${i}]: the type ${command.type} exists already`);
    // Checked just above; what `execute` does with its context only its author knows.
    registry.set(command.type, command as unknown as CommandType);
  }
  if (registry.size === 0) faults.push('commands: names none, so there is nothing to execute');
  if (faults.length > 0) throw new ConfigError(faults);
  return registry;
}
