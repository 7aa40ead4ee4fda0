import { z } from 'zod';

const field = process.env.PAINT_FIELD ?? 'colour';

/** A command type whose agents disagree on it where their PAINT_FIELD differs. */
export default {
  type: 'PAINT',
  payload: z.strictObject({ [field]: z.string() }),
  result: z.null(),
  execute: () => Promise.resolve(null),
};
