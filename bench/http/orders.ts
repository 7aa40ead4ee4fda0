import { z } from 'zod';

/** An order to the load generator. */
export const orderSchema = z.object({
  number: z.int(),
  /** The same body again and again, to the same place. */
  url: z.url(),
  body: z.string(),
  requests: z.int().min(1),
  /** Kept alive from one order to the next; one request at a time on each. */
  connections: z.int().min(1),
});
export type Order = z.infer<typeof orderSchema>;

/** The load generator's reply when an order is done. */
export const doneSchema = z.union([
  z.object({ number: z.int(), ms: z.number() }),
  z.object({ number: z.int(), failed: z.string() }),
]);
export type Done = z.infer<typeof doneSchema>;
