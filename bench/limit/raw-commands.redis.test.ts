import { type Cycle, countCycle, steps } from '../cycle.js';
import { fencepostCycle } from '../fencepost-cycle.js';
import { startRedis } from '../redis.js';
import { totalOf } from '../write-counter.js';
import { type RawEntry, rawGroup, rawKeys, readRaw, reportRaw, startRaw, submitRaw } from './raw-commands.js';

test('the raw cycle writes as often as the scripts do, step by step: the comparison is of the same work', async () => {
  const redis = await startRedis();
  try {
    const client = redis.client();
    await client.xgroup('CREATE', rawKeys.stream, rawGroup, '0', 'MKSTREAM');
    let held: RawEntry[] = [];
    const raw: Cycle = {
      submit: (count) => submitRaw(client, count),
      start: async (count) => {
        held = await readRaw(client, count, []);
        await startRaw(client, held);
      },
      report: () => reportRaw(client, held),
    };
    const [ours, theirs] = [
      await countCycle(client, fencepostCycle(client), 10),
      await countCycle(client, raw, 10),
    ];
    for (const step of steps) expect([step, totalOf(theirs[step])]).toEqual([step, totalOf(ours[step])]);
    expect(await client.hget(rawKeys.counts, 'COMPLETED')).toBe('20');
  } finally {
    await redis.stop();
  }
});
