import { type z } from 'zod';
import { type TypeTimeout } from '../../shared/protocol/command-types.js';
import { defaults, type OnAgentLost } from '../../shared/protocol/commands.js';
import { type CommandType, type ExecutionContext } from './command-type.js';

/** A command type as its author writes it. */
export interface CommandDefinition<Payload extends z.ZodType, Result extends z.ZodType> {
  /** The name that submissions have as their `type`, for example `RESIZE`. */
  readonly type: string;
  /** The schema of a submission's payload; servers and agents check it. */
  readonly payload: Payload;
  /** The schema of what `execute` resolves to, which is stored as it is: JSON, without transformations. */
  readonly result: Result;
  /** The timeout of a submission without `timeoutMs` (see `CommandType`); 30,000 when left out. */
  readonly timeoutMs?: TypeTimeout | ((payload: z.output<Payload>) => number);
  /**
   * The lost-agent policy of a submission without `onAgentLost`; `fail` when left out: a command whose agent was
   * lost is never executed a second time.
   */
  readonly onAgentLost?: OnAgentLost;
  /** Does the work: see `CommandType`. */
  execute(context: ExecutionContext<z.output<Payload>>): Promise<z.output<Result>>;
}

type WithDefaults<Type extends { readonly timeoutMs: unknown }> = Omit<Type, 'timeoutMs'> &
  Partial<Pick<Type, 'timeoutMs'>>;

/**
 * Makes a command type. The types of the argument and the result of `execute` follow from the schemas: they need
 * no annotation, and an annotation cannot differ from them.
 */
export function defineCommand<Payload extends z.ZodType, Result extends z.ZodType>(
  definition: CommandDefinition<Payload, Result>,
): CommandType<z.output<Payload>, z.output<Result>>;
// The same, in words that the compiler can follow.
export function defineCommand<Payload, Result>(
  definition: WithDefaults<CommandType<Payload, Result>>,
): CommandType<Payload, Result> {
  return Object.freeze({ timeoutMs: defaults.timeoutMs, ...definition });
}
