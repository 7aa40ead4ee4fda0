import { type BenchmarkContext } from '../benchmark.js';
import { withRedis } from '../redis.js';
import { inTurns } from '../turns.js';
import { Fleet } from './fleet.js';
import { type Grown, type GrowthSettings, lineOf } from './grown.js';

/** Several agents, beside one. */
export async function takeFleets(settings: GrowthSettings, context: BenchmarkContext): Promise<Grown[]> {
  const [one, ...more] = settings.agents;
  const growths: Grown[] = [];
  for (const agents of more) {
    const pairs = await withRedis((many) =>
      withRedis(async (few) => {
        const [ours, theirs] = [new Fleet(many, agents), new Fleet(few, one)];
        const { commandsForAgents: commands } = settings;
        try {
          await ours.start();
          await theirs.start();
          return await inTurns({
            ...context,
            ours: () => ours.lap(commands, context.signal),
            theirs: () => theirs.lap(commands, context.signal),
          });
        } finally {
          await Promise.all([ours.stop(), theirs.stop()]);
        }
      }),
    );
    context.say(`  ${agents} agents: ${lineOf(pairs)}`);
    growths.push({ name: String(agents), pairs });
  }
  return growths;
}
