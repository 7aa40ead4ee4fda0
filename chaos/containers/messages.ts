import { z } from 'zod';
import { containerFaultKinds } from '../record.js';

/**
 * The messages from the service `chaos`, which hurts containers, to the service `load`, which checks the
 * outcome: one for each fault before it is injected, once it was seen to have happened, and when it was healed.
 */
export const messageSchema = z.discriminatedUnion('says', [
  /** With the kinds of faults that may come. */
  z.object({ says: z.literal('present'), kinds: z.array(z.enum(containerFaultKinds)) }),
  z.object({
    says: z.literal('injecting'),
    fault: z.int(),
    kind: z.enum(containerFaultKinds),
    target: z.string(),
    host: z.string(),
  }),
  z.object({ says: z.literal('verified'), fault: z.int(), proof: z.string() }),
  z.object({ says: z.literal('healed'), fault: z.int() }),
  z.object({ says: z.literal('trouble'), what: z.string() }),
  /** Nothing is hurt any more, and nothing will be. */
  z.object({ says: z.literal('whole') }),
]);
export type Message = z.infer<typeof messageSchema>;

export const replySchema = z.object({
  /** Whether to inject no more faults, heal what is hurt, and then report that. */
  over: z.boolean(),
  seed: z.int(),
});
export type Reply = z.infer<typeof replySchema>;

export const messagesPort = 4100;
