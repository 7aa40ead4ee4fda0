import { Worker } from 'bullmq';
import { z } from 'zod';
import { exitWithParent, reportReady } from '../shared/runtime/parent.js';
import { pause } from '../shared/runtime/service.js';
import { connectionTo } from './bullmq.js';
import { load } from './load.js';

// A process of its own, as Fencepost's agent is one. Its arguments: Redis's unix socket, the queue, and
// its concurrency.
const [socket, queue, concurrency] = z
  .tuple([z.string(), z.string(), z.coerce.number().int().min(1)])
  .parse(process.argv.slice(2));

const worker = new Worker(queue, () => Promise.resolve(load.result), {
  connection: connectionTo(socket),
  concurrency,
});
worker.on('error', () => undefined);

const stop = async () => {
  // The close would wait for a Redis that Ctrl-C has ended too.
  await Promise.race([worker.close(), pause(1000)]);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stop().finally(() => process.exit(0)));
}
exitWithParent(stop, 1000);
void worker.waitUntilReady().then(() => reportReady());
