import { z } from 'zod';
import builtIn from './builtin-types.json';
import { onAgentLostSchema } from './commands.js';

/** A JSON Schema (2020-12), as an object: whether it can be used, only compiling it tells. */
const jsonSchemaSchema = z.record(z.string(), z.unknown());
export type JsonSchema = z.infer<typeof jsonSchemaSchema>;

/** What everyone may know of a command type: how its payload and result look, and what happens when its agent is lost. */
export const commandTypeInfoSchema = z.object({
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  /** What a submission without `onAgentLost` gets. */
  onAgentLost: onAgentLostSchema,
});
export type CommandTypeInfo = z.infer<typeof commandTypeInfoSchema>;

/** The JSON in a field of the hash `fencepost:types`, whose name is the command type's. */
export const announcedTypeSchema = commandTypeInfoSchema.extend({
  /** Redis or agent time in ms: for people, nothing is decided by it. */
  announcedAt: z.int().min(0).max(8.64e15),
});

/**
 * The types that every agent has, by name. Generated from `agent/commands/` (`npm run generate`) and
 * committed, so that the server knows them before any agent has started, and without importing one.
 */
export const builtInTypes: ReadonlyMap<string, CommandTypeInfo> = new Map(
  Object.entries(z.record(z.string(), commandTypeInfoSchema).parse(builtIn)),
);
