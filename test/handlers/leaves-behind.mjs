import { z } from 'zod';

/** Leaves a promise behind that rejects when nothing awaits it, and works on for a while. */
export default {
  type: 'LEAVES_BEHIND',
  payload: z.strictObject({ ms: z.int() }),
  result: z.string(),
  async execute({ payload }) {
    setTimeout(() => Promise.reject(new Error('this promise is not awaited')), 0);
    await new Promise((resolve) => setTimeout(resolve, payload.ms));
    return 'done';
  },
};
