import { type BenchmarkContext } from '../benchmark.js';
import { load } from '../load.js';
import { withRedis } from '../redis.js';
import { inTurns } from '../turns.js';
import { Backlog } from './backlog.js';
import { type Grown, type GrowthSettings, lineOf } from './grown.js';

export interface Backlogs {
  readonly growths: readonly Grown[];
  /** A value for each backlog. */
  readonly bytesPerWaiting: readonly number[];
  readonly bytesPerCompleted: number;
}

/** A backlog that grows, beside one that does not; then what it leaves when it is worked off. */
export async function takeBacklogs(settings: GrowthSettings, context: BenchmarkContext): Promise<Backlogs> {
  const { signal, say } = context;
  const [least] = settings.waiting;
  return withRedis((grownRedis) =>
    withRedis(async (smallRedis) => {
      const [grown, small] = [new Backlog(grownRedis), new Backlog(smallRedis)];
      const take = async (name: string): Promise<Grown> => {
        // Anew, so that hardly anything is retained there.
        await small.empty();
        await small.fill(least, signal);
        const { commands } = settings;
        const ours = () => grown.lap(commands);
        const theirs = () => small.lap(commands);
        const pairs = await inTurns({ ...context, ours, theirs });
        await Promise.all([grown.check(), small.check()]);
        say(`  ${name}: ${lineOf(pairs)}`);
        return { name, pairs };
      };
      // Things that are made once, such as the scripts and the consumer group, are no part of any command's memory.
      await grown.fill(load.batch, signal);
      await grown.workOff(0, signal);
      await grown.empty();
      const emptyBytes = await grown.bytes();
      const growths: Grown[] = [];
      const bytesPerWaiting: number[] = [];
      for (const waiting of settings.waiting) {
        await grown.empty();
        await grown.fill(waiting, signal);
        bytesPerWaiting.push(((await grown.bytes()) - emptyBytes) / waiting);
        growths.push(await take(`${waiting} waiting`));
      }
      const { waitingWhileTablesGrow } = settings;
      await grown.empty();
      await grown.fill(waitingWhileTablesGrow, signal);
      growths.push(await take(`${waitingWhileTablesGrow} waiting, Redis's tables growing`));
      await grown.workOff(0, signal);
      const completed = await grown.completed();
      const bytesPerCompleted = ((await grown.bytes()) - emptyBytes) / completed;
      await grown.fill(least, signal);
      growths.push(await take(`${least} waiting, ${completed} completed`));
      return { growths, bytesPerWaiting, bytesPerCompleted };
    }),
  );
}
