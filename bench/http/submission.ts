import { type Redis } from 'ioredis';
import { defaults } from '../../shared/protocol/commands.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { type BenchmarkContext } from '../benchmark.js';
import { checkFound } from '../contestant.js';
import { inTurns } from '../turns.js';
import { bareStream } from './bare-stream.js';
import { type HttpCase } from './cases.js';
import { HttpService } from './http-service.js';
import { LoadGenerator } from './load-generator.js';
import { lineOf, type Rates, ratesOf } from './rates.js';

/** Measures Fencepost's server beside the bare route, case by case, without any worker. */
export async function takeSubmission(
  redis: TestRedis,
  cases: readonly HttpCase[],
  context: BenchmarkContext,
): Promise<Rates[]> {
  const client = redis.client();
  const started: { stop(): Promise<void> }[] = [];
  const keep = async <T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> => {
    const one = await start;
    started.push(one);
    return one;
  };
  try {
    const fencepost = await keep(HttpService.fencepost(redis));
    const bare = await keep(HttpService.bareRoute(redis));
    const generator = await keep(LoadGenerator.start());
    const stream = partitionKeys().stream(defaults.queue);
    const all: Rates[] = [];
    for (const one of cases) {
      const lap = async ({ url }: HttpService, into: string) => {
        const wanted = (await client.xlen(into)) + commandsOf(one);
        const ms = await generator.run({ ...one.order, url: url + one.path }, context.signal);
        await checkLength(client, into, wanted);
        return ms;
      };
      const pairs = await inTurns({
        ...context,
        ours: () => lap(fencepost, stream),
        theirs: () => lap(bare, bareStream),
      });
      const rates = ratesOf(pairs, commandsOf(one));
      context.say(`  ${one.name}: ${lineOf(['Fencepost', 'bare route'], rates)}`);
      all.push(rates);
    }
    return all;
  } finally {
    await Promise.all(started.map((one) => one.stop()));
  }
}

const commandsOf = ({ order, commandsPerRequest }: HttpCase) => order.requests * commandsPerRequest;

async function checkLength(redis: Redis, stream: string, wanted: number): Promise<void> {
  checkFound(stream, { length: await redis.xlen(stream) }, { length: wanted });
}
