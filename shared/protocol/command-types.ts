import { z } from 'zod';
import builtIn from './builtin-types.json';
import { onAgentLostSchema } from './commands.js';

/** A JSON Schema (2020-12), as an object: whether it can be used, only compiling it shows. */
const jsonSchemaSchema = z.record(z.string(), z.unknown());
export type JsonSchema = z.infer<typeof jsonSchemaSchema>;

/**
 * How long an attempt may take whose command does not specify it: so many ms, or the number of ms in a field of
 * its payload and `plusMs` more. This is data, so that servers can apply it to agents that hang.
 */
export const typeTimeoutSchema = z.union([
  z.int().min(1),
  z.strictObject({ payloadField: z.string().min(1).max(128), plusMs: z.int().min(1) }),
]);
export type TypeTimeout = z.infer<typeof typeTimeoutSchema>;

/** Made once: every command that an agent executes asks for its time. */
const namedMsSchema = z.number().min(0);

/** @returns the ms, or undefined when the payload has no such number */
export function timeoutOf(timeout: TypeTimeout, payload: unknown): number | undefined {
  if (typeof timeout === 'number') return timeout;
  const { payloadField, plusMs } = timeout;
  const isObject = typeof payload === 'object' && payload !== null && Object.hasOwn(payload, payloadField);
  const named = namedMsSchema.safeParse(isObject && Reflect.get(payload, payloadField));
  return named.success ? Math.ceil(named.data) + plusMs : undefined;
}

/** The public facts of a command type: how its payload and result look, and what happens when its agent is lost. */
export const commandTypeInfoSchema = z.object({
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  /** The policy of a submission without `onAgentLost`. */
  onAgentLost: onAgentLostSchema,
  /** The time-out of a submission without `timeoutMs`; null: only its agents know. */
  defaultTimeoutMs: typeTimeoutSchema.nullable().default(null),
});
export type CommandTypeInfo = z.infer<typeof commandTypeInfoSchema>;

/** The JSON in a field of the hash `fencepost:types`, whose name is the command type's. */
export const announcedTypeSchema = commandTypeInfoSchema.extend({
  /** By Redis's clock: who announced it last counts while no agent is live, and it is kept for seven days from then. */
  announcedAt: z.int().min(0).max(8.64e15),
});

/**
 * The types that every agent has, by name. Generated from `agent/commands/` (`npm run generate`) and
 * committed, so that the server knows them before any agent has started, and without importing one.
 */
export const builtInTypes: ReadonlyMap<string, CommandTypeInfo> = new Map(
  Object.entries(z.record(z.string(), commandTypeInfoSchema).parse(builtIn)),
);

/** A command type as an agent announces it. */
export interface AnnouncedType {
  readonly type: string;
  /** JSON Schema 2020-12. */
  readonly payload: unknown;
  readonly result: unknown;
  readonly onAgentLost: 'fail' | 'retry';
  /** null: a function, which only the agent can ask. */
  readonly defaultTimeoutMs: TypeTimeout | null;
}
