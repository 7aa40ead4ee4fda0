import { Job, Queue, Worker } from 'bullmq';
import { connectionTo, jobs } from './bullmq.js';
import { type Cycle } from './cycle.js';
import { load } from './load.js';

const queueName = 'bench-cycle';
const token = 'bench';

/**
 * BullMQ's scripts by its interface for those who fetch jobs themselves. A running worker reports one job
 * and fetches the next in one script: the same writes, in one call less.
 *
 * @param run gets the cycle; the connections are closed when it resolves
 */
export async function withBullMqCycle<T>(socket: string, run: (cycle: Cycle) => Promise<T>): Promise<T> {
  const connection = connectionTo(socket);
  const queue = new Queue(queueName, { connection });
  const worker = new Worker(queueName, null, { connection, autorun: false });
  let held: Job[] = [];
  try {
    return await run({
      submit: async (count) => {
        await queue.addBulk(jobs(count));
      },
      start: async (count) => {
        held = [];
        for (let i = 0; i < count; i++) {
          const job = await worker.getNextJob(token, { block: false });
          // The type in BullMQ omits that there may be no job.
          if (!(job instanceof Job)) throw new Error(`BullMQ gave ${i} jobs of ${count}`);
          held.push(job);
        }
      },
      report: async () => {
        for (const job of held) await job.moveToCompleted(load.result, token, false);
      },
    });
  } finally {
    await worker.close();
    await queue.close();
  }
}
