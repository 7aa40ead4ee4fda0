import { z } from 'zod';
import { doWork, type Work, workSchema } from './work.js';

export const workType = 'BENCH_WORK';

/** `doWork` as a command type, for an agent's AGENT_COMMANDS. */
export default {
  type: workType,
  payload: workSchema,
  result: z.json(),
  timeoutMs: ({ ms }: Work) => ms + 60_000,
  execute: (context: { payload: Work; commandId: string; attempt: number; signal: AbortSignal }) =>
    doWork(context.payload, context.commandId, context.attempt, context.signal),
};
