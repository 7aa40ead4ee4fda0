import { z } from 'zod';

/** Ends its agent's process as a program of one's own ends: with 0, as if all were well. */
export default {
  type: 'EXITS',
  payload: z.null(),
  result: z.null(),
  execute: () => process.exit(0),
};
