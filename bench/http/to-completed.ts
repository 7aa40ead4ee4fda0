import { type TestRedis } from '../../testing/redis-server.js';
import { type BenchmarkContext } from '../benchmark.js';
import { BullMq } from '../bullmq.js';
import { Fencepost } from '../fencepost.js';
import { cycleLap } from '../laps.js';
import { load } from '../load.js';
import { inTurns } from '../turns.js';
import { HttpDoor } from './http-door.js';
import { HttpService } from './http-service.js';
import { lineOf, type Rates, ratesOf } from './rates.js';

/** Commands per request, and jobs per `addBulk`. */
export const batch = 500;

/** From HTTP to COMPLETED, beside BullMQ's `addBulk` to completed. */
export async function takeToCompleted(
  redis: TestRedis,
  commands: number,
  context: BenchmarkContext,
): Promise<Rates> {
  const { signal } = context;
  const server = await HttpService.fencepost(redis);
  const door = new HttpDoor(server.url, load.batchesInFlight);
  const fencepost = new Fencepost(redis, load.concurrency, door);
  const bullmq = new BullMq(redis, load.concurrency);
  const lap = cycleLap(commands, batch);
  try {
    // One after the other: a start that fails must not leave the other half done.
    await fencepost.start();
    await bullmq.start();
    const pairs = await inTurns({
      ...context,
      ours: () => lap(fencepost, signal),
      theirs: () => lap(bullmq, signal),
    });
    const rates = ratesOf(pairs, commands);
    context.say(`  HTTP to COMPLETED: ${lineOf(['Fencepost', 'BullMQ'], rates)}`);
    return rates;
  } finally {
    await Promise.all([fencepost.stop(), bullmq.stop(), door.close(), server.stop()]);
  }
}
