import { z } from 'zod';
import { exitWithParent, reportReady } from '../../shared/runtime/parent.js';
import { load } from '../load.js';
import { openBee } from './bee.js';

// A process of its own, as Fencepost's agent is one. Its arguments: Redis's unix socket, and its concurrency.
const [socket, concurrency] = z
  .tuple([z.string(), z.coerce.number().int().min(1)])
  .parse(process.argv.slice(2));

void openBee(socket, true).then(async (queue) => {
  if (!queue) throw new Error('Bee-Queue is not installed');
  const stop = async () => {
    await queue.close(1000).catch(() => undefined);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(0)));
  }
  exitWithParent(stop, 1000);
  await queue.ready();
  queue.process(concurrency, () => Promise.resolve(load.result));
  reportReady();
});
