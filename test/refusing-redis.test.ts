import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import httpGetJson from '../agent/commands/http-get-json.js';
import type * as built from '../library/agent.js';
import { pause } from '../shared/runtime/service.js';
import { byExtent, sampled } from '../testing/extent.js';
import { repositoryRoot } from '../testing/processes.js';
import { fateOf, submit, undisturbed, violationsIn } from './fate.js';
import { onTrial, type Trial, until } from './trial.js';

/**
 * Redis is there and refuses what it is asked, for longer than a lease: what runs meanwhile, what ends, and
 * what falls due is done once, as if nothing had been. Agents are in the test's own process, with the thread
 * that renews their leases. `npm test` tries some, `TESTS=long` all.
 */

// oxlint-disable-next-line typescript/no-require-imports -- as it was built: its thread is a file beside it
const { createAgent } = require(join(repositoryRoot, 'dist/library/agent.js')) as typeof built;

const leaseMs = 8000;
const env = { LEASE_MS: String(leaseMs) };

interface Refusal {
  readonly what: string;
  /** @returns ends it */
  readonly begin: (redis: Redis, trial: Trial) => Promise<() => Promise<unknown>>;
}

/** All others must connect anew. */
const breakConnections = async (redis: Redis) => {
  for (const type of ['normal', 'pubsub']) await redis.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
};

const refusals: readonly Refusal[] = [
  {
    what: 'takes no more connections',
    begin: async (redis) => {
      await redis.config('SET', 'maxclients', '1');
      await breakConnections(redis);
      return () => redis.config('SET', 'maxclients', '1000');
    },
  },
  {
    what: 'wants another password',
    begin: async (redis) => {
      await redis.config('SET', 'requirepass', 'rotated');
      await breakConnections(redis);
      return () => redis.config('SET', 'requirepass', '');
    },
  },
  {
    what: 'is a replica',
    begin: async (redis) => {
      await redis.replicaof('127.0.0.1', 1);
      return () => redis.replicaof('NO', 'ONE');
    },
  },
  {
    what: 'cannot save, and takes no writes',
    begin: async (redis, { deployment }) => {
      const file = join(deployment.redis.directory, 'dump.rdb');
      await mkdir(file);
      await redis.config('SET', 'save', '3600 1');
      await redis.bgsave();
      await until(async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err'));
      return async () => {
        await redis.config('SET', 'save', '');
        await rmdir(file);
      };
    },
  },
  {
    what: 'closes connections that say nothing for a second',
    begin: async (redis) => {
      await redis.config('SET', 'timeout', '1');
      return () => redis.config('SET', 'timeout', '0');
    },
  },
];

/** The script keeps a processor busy for as long as it lasts. */
const busy: Refusal = {
  what: 'is busy with a script',
  begin: async (redis, { deployment }) => {
    await redis.config('SET', 'busy-reply-threshold', '50');
    const script = deployment.redis.client().eval('while true do end', 0);
    const killed = script.catch((error: unknown) => error);
    return async () => {
      await redis.script('KILL');
      await killed;
    };
  },
};

it.concurrent.each([...sampled(refusals), ...byExtent([busy], [])])('Redis $what', ({ begin }) =>
  onTrial({ env }, async (trial) => {
    const { deployment, ledger } = trial;
    const redis = deployment.redis.client();
    const agent = createAgent({
      ...{ commands: [httpGetJson], redisUrl: deployment.redis.url, dataDir: deployment.dataDir },
      ...{ leaseMs, concurrency: 2 },
    });
    await agent.start();
    try {
      // One is answered while Redis refuses, the other one when it is over.
      const during = ledger.hold(({ order }) => order === 1);
      const after = ledger.hold(({ order }) => order === 2);
      const running = [await submit(trial), await submit(trial)];
      await ledger.waitForHits(2);
      const due = await submit(trial, { delayMs: leaseMs / 2 });
      await redis.script('FLUSH');
      const end = await begin(redis, trial);
      await pause(leaseMs / 2);
      during.release();
      await pause((3 * leaseMs) / 4);
      await end();
      await redis.script('FLUSH');
      after.release();
      for (const id of [...running, due]) expect(await fateOf(trial, id)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    } finally {
      await agent.stop();
    }
  }),
);
