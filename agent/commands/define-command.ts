import { type z } from 'zod';
import { type TypeTimeout } from '../../shared/protocol/command-types.js';
import { defaults, type OnAgentLost } from '../../shared/protocol/commands.js';
import { type CommandType, type ExecutionContext } from './command-type.js';

/** A command type as its author writes it. */
export interface CommandDefinition<Payload extends z.ZodType, Result extends z.ZodType> {
  /** As in a submission's `type`, for example `RESIZE`. */
  readonly type: string;
  /** What a submission's payload must look like; servers and agents check it. */
  readonly payload: Payload;
  /** What `execute` resolves to, which is stored as it is: JSON, and no transformation. */
  readonly result: Result;
  /** What a submission without `timeoutMs` gets (see `CommandType`); 30,000 when left out. */
  readonly timeoutMs?: TypeTimeout | ((payload: z.output<Payload>) => number);
  /** What a submission without `onAgentLost` gets; `fail` when left out: it is never executed twice. */
  readonly onAgentLost?: OnAgentLost;
  /** Does the work: see `CommandType`. */
  execute(context: ExecutionContext<z.output<Payload>>): Promise<z.output<Result>>;
}

type WithDefaults<Type extends { readonly timeoutMs: unknown }> = Omit<Type, 'timeoutMs'> &
  Partial<Pick<Type, 'timeoutMs'>>;

/**
 * Makes a command type. The schemas say what `execute` is given and what it must resolve to: an
 * annotation of one's own is not needed, and cannot differ from them.
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
