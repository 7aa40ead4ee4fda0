import { Worker } from 'bullmq';
import { z } from 'zod';
import { exitWithParent, reportReady } from '../../shared/runtime/parent.js';
import { connectionTo } from '../bullmq.js';
import { doWork, workSchema } from './work.js';

// A process of its own, so that it can be killed. Its arguments: Redis's unix socket, the queue, the
// concurrency, and both pauses of BullMQ's recovery (its defaults when they are left out).
const [socket, queue, concurrency, pauseMs] = z
  .tuple([z.string(), z.string(), z.coerce.number().int().min(1), z.coerce.number().int().optional()])
  .parse(process.argv.slice(2));

const worker = new Worker(
  queue,
  (job) => doWork(workSchema.parse(job.data), `${queue}:${job.id}`, job.attemptsStarted),
  {
    connection: connectionTo(socket),
    concurrency,
    ...(pauseMs === undefined ? {} : { lockDuration: pauseMs, stalledInterval: pauseMs }),
  },
);
worker.on('error', () => undefined);

// A worker that is stopped in good order has nothing left to do.
process.once('SIGTERM', () => process.exit(0));
exitWithParent(() => Promise.resolve(), 0);
void worker.waitUntilReady().then(() => reportReady());
