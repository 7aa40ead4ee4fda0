import { z } from 'zod';

/** A command type with a slip of the pen. */
export const faulty = {
  type: 'FAULTY',
  payload: z.null(),
  result: z.null(),
  excute: () => Promise.resolve(null),
};
