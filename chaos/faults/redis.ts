import { pause } from '../../shared/runtime/service.js';
import { untilFrozen } from '../../testing/process-state.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { type FaultLog, type OpenFault } from '../fault-log.js';
import { type PlannedFault } from '../schedule.js';
import { comesTrue, type Scene, type Strike } from './strike.js';

type Hit = (scene: Scene, open: OpenFault, redis: TestRedis, fault: PlannedFault) => Promise<void>;

/** One at a time: a Redis that is away cannot be hit again. */
const hitting =
  (hit: Hit): Strike =>
  async (scene, fault) => {
    const { arena, faults } = scene;
    if (arena.redisTaken) return;
    arena.redisTaken = true;
    const open = begin(faults, fault);
    try {
      await hit(scene, open, arena.deployment.redis, fault);
    } catch (error) {
      // Without Redis the round could not even end.
      await arena.deployment.redis.kill();
      await arena.deployment.redis.start();
      throw error;
    } finally {
      open.healed();
      arena.redisTaken = false;
    }
  };

const begin = (faults: FaultLog, { kind, event }: PlannedFault) =>
  faults.begin({ kind, target: 'redis', event });

/** Everything that is delivered, and every submission in flight. */
async function behindIt({ arena }: Scene): Promise<readonly string[]> {
  return [...(await arena.pending()), ...arena.servers.flatMap((server) => server.underWay)];
}

export const killRedis: Strike = hitting(async (scene, open, redis, { dice }) => {
  const inFlight = await behindIt(scene);
  if ((await redis.kill()) === 'SIGKILL') open.verified('exit by SIGKILL', inFlight);
  await pause(dice.between(0, Math.round(scene.leaseMs / 3)), scene.over);
  await redis.start();
});

/** µs that loading one write takes. While it loads, Redis answers once in 1024 writes. */
const slowLoading = { 'key-load-delay': '150' } as const;
/** With fewer ended commands than this, Redis would have loaded them before any client could see it loading. */
const leastEnded = 300;

/** Early in a round it is a plain kill, and recorded as one. */
export const killLoadingRedis: Strike = (scene, fault) =>
  scene.watch.ended < leastEnded
    ? killRedis(scene, { ...fault, kind: 'Redis killed' })
    : killWhileItLoads(scene, fault);

const killWhileItLoads: Strike = hitting(async (scene, open, redis) => {
  const inFlight = await behindIt(scene);
  await redis.kill();
  const isOver = redis.start(slowLoading).then(
    () => true,
    () => true,
  );
  const client = redis.client({ enableReadyCheck: false, retryStrategy: () => 10, maxRetriesPerRequest: 0 });
  const isLoading = () =>
    client.ping().then(
      () => false,
      (error: unknown) => error instanceof Error && error.message.startsWith('LOADING'),
    );
  const wasSeen = await comesTrue(scene, 3000, isLoading);
  client.disconnect();
  const signal = await redis.kill();
  if (wasSeen && signal === 'SIGKILL') open.verified('answered LOADING, exit by SIGKILL', inFlight);
  await isOver;
  await redis.start();
});

export const killRewritingRedis: Strike = hitting(async (scene, open, redis) => {
  const { redis: client } = scene.arena;
  await client.config('SET', 'rdb-key-save-delay', '2000');
  await client.bgrewriteaof();
  const isRewriting = async () => /aof_rewrite_in_progress:1/.test(await client.info('persistence'));
  const wasSeen = await comesTrue(scene, 3000, isRewriting);
  const inFlight = await behindIt(scene);
  const signal = await redis.kill();
  if (wasSeen && signal === 'SIGKILL') open.verified('aof_rewrite_in_progress:1, exit by SIGKILL', inFlight);
  await redis.start();
});

export const freezeRedis: Strike = hitting(async (scene, open, redis, { dice }) => {
  const inFlight = await behindIt(scene);
  redis.freeze();
  try {
    await untilFrozen(redis);
    open.verified('state T', inFlight);
    await pause(dice.between(100, Math.round(1.2 * scene.leaseMs)), scene.over);
  } finally {
    redis.thaw();
  }
});
