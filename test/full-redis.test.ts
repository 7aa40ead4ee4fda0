import { type Redis } from 'ioredis';
import { type Submission } from '../shared/protocol/commands.js';
import { pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { onTrial, type Trial, until } from './trial.js';

/** A Redis that is full for good: what is in it is done, its outcomes are stored, and retention makes room again. */

const keys = partitionKeys();
/** More than a thousand commands beyond what an empty one takes. */
const maxmemory = '3mb';
const retentionMs = 10_000;

const slots = 40;
const get = ({ ledger }: Trial): Submission => ({ type: 'HTTP_GET_JSON', payload: { url: ledger.url } });
const quick: Submission = { type: 'DELAY', payload: { ms: 0 }, queue: 'bulk' };

/** Submits by the hundred, then one by one: what no longer fits as a batch may do so alone. @returns the refusal */
async function fill({ deployment, clients }: Trial): Promise<Response> {
  const hundred = Array.from({ length: 100 }, () => quick);
  while ((await clients.submitBatch(deployment.url, hundred)).outcome === 'accepted');
  for (;;) {
    const answer = await fetch(new URL('/commands', deployment.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(quick),
    });
    if (!answer.ok) {
      clients.note('unknown', [], { count: 1 });
      return answer;
    }
    const { commandId } = (await answer.json()) as { commandId: string };
    clients.note('accepted', [commandId]);
  }
}

/** Submits as a client that takes a 503 for what it is. */
async function insist({ deployment, clients }: Trial, idempotencyKey: string): Promise<void> {
  while ((await clients.submit(deployment.url, quick, { idempotencyKey })).outcome !== 'accepted')
    await pause(100);
}

const atRest = (redis: Redis) =>
  until(async () => {
    const { PENDING, RUNNING } = await redis.hgetall(keys.counts);
    return PENDING === '0' && RUNNING === '0';
  });

it('refuses submissions, stores every outcome, and takes submissions again when retention has made room', () =>
  onTrial(
    {
      agents: 1,
      env: {
        AGENT_QUEUES: 'default,bulk',
        AGENT_CONCURRENCY: String(slots),
        RETENTION_MS: String(retentionMs),
        LEASE_MS: '2000',
      },
      redisConfig: { maxmemory },
    },
    async (trial) => {
      const { deployment, ledger, clients } = trial;
      const redis = deployment.redis.client();
      const answers = ledger.hold();
      // They keep the agent from everything else until Redis is full.
      for (let i = 0; i < slots; i++) await clients.submit(deployment.url, get(trial));
      await ledger.waitForHits(slots);
      const refused = await fill(trial);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('5');
      expect(await refused.json()).toMatchObject({
        code: 'redis_full',
        detail: expect.stringContaining('memory') as string,
      });

      const whenFull = clients.accepted().size;
      expect(await redis.hgetall(keys.counts)).toEqual({
        PENDING: String(whenFull - slots),
        RUNNING: String(slots),
      });
      answers.release();
      await atRest(redis);
      // Full of hardly anything but what has ended: pruning makes the room.
      await fill(trial);
      await atRest(redis);
      await until(async () => Number(await redis.hget(keys.retention, 'pruned')) > 0);
      await insist(trial, 'afterwards');
      await atRest(redis);
      const accepted = clients.accepted().size;
      const { violations, counts } = await deployment.judge({ clients, ledger, faults: 'none', retentionMs });
      expect(violations).toEqual([]);
      expect(counts).toMatchObject({
        accepted,
        completed: accepted,
        effects: slots,
      });
      expect(counts.pruned).toBeGreaterThan(0);
      expect(whenFull).toBeGreaterThan(1000);
    },
  ));
