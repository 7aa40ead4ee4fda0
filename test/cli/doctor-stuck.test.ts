import { type Redis } from 'ioredis';
import { type Examination } from '../../cli/doctor/examination.js';
import { group } from '../../shared/store/keys.js';
import { until } from '../trial.js';
import { delay, found, keys, leaseMs, linesOf, onScene, only, type Scene } from './scene.js';

/** Commands that nothing can move any more, by hands that went past the scripts. */

describe('finds a stuck command, and the line that it prints mends it, when', () => {
  /** The agent is at work on something else; nothing else is read ahead. */
  const busy = { env: { AGENT_CONCURRENCY: '1', LEASE_MS: String(leaseMs) } };

  /** One that waits behind another. */
  async function waiting({ submit, redis }: Scene, more: object = {}) {
    const first = await submit(delay(600_000));
    await until(async () => (await redis.hget(keys.command(first), 'status')) === 'RUNNING');
    return { first, id: await submit(delay(0, more)) };
  }

  it('somebody acknowledged its entry by hand', () =>
    onScene(busy, async (scene) => {
      const { redis, deployment, doctor, isDone } = scene;
      const { first, id } = await waiting(scene);
      await redis.xreadgroup('GROUP', group, 'by-hand', 'COUNT', 1, 'STREAMS', keys.stream('default'), '>');
      const entry = (await redis.hget(keys.command(id), 'entry')) ?? '';
      await redis.xack(keys.stream('default'), group, entry);
      const examination = await doctor();
      expect(found(examination)).toEqual(
        only('spent-entries: somebody acknowledged the entries of', `${id} .PENDING`),
      );
      await mendByRedisCli(redis, examination);
      await fetch(new URL(`/commands/${first}/cancel`, deployment.url), { method: 'POST' });
      await until(() => isDone(id));
      expect(found(await doctor())).toEqual([]);
    }));

  it('a marker was set by hand, so that it neither starts nor expires', () =>
    onScene(busy, async (scene) => {
      const { redis, doctor, deployment } = scene;
      const { id } = await waiting(scene, { ttlMs: 1000 });
      await redis.set(keys.marker(id), '1:nobody:x.1');
      await until(async () => (await redis.zscore(keys.expiring, id)) === null);
      const examination = await doctor();
      expect(found(examination)).toEqual(
        only('markers: ', `${id} is PENDING with an execution marker`, 'should have expired'),
      );
      expect(linesOf(examination)).toContain(`npx fencepost cancel ${id}`);
      await fetch(new URL(`/commands/${id}/cancel`, deployment.url), { method: 'POST' });
      expect(found(await doctor())).toEqual([]);
    }));

  it('a marker is left of a command that has ended', () =>
    onScene({}, async (scene) => {
      const { redis, doctor, submit, isDone } = scene;
      const id = await submit(delay(0));
      await until(() => isDone(id));
      await redis.set(keys.marker(id), '1:nobody:x.1');
      const examination = await doctor();
      expect(found(examination)).toEqual(
        only('markers: ', `${id} .COMPLETED. left an execution marker behind`),
      );
      await mendByRedisCli(redis, examination);
      expect(found(await doctor())).toEqual([]);
    }));

  it('its marker was deleted while it was running, and its agent cannot say so', () =>
    onScene({ env: { LEASE_MS: '60000' } }, async ({ redis, doctor, submit, deployment }) => {
      const id = await submit(delay(600_000));
      await until(async () => (await redis.hget(keys.command(id), 'status')) === 'RUNNING');
      deployment.agents[0]?.kill('SIGSTOP');
      await redis.del(keys.marker(id));
      expect(found(await doctor())).toEqual(
        only('pending-entries: ', `${id} in the queue default is RUNNING without an execution marker`),
      );
    }));

  it('an entry names no command', () =>
    onScene(busy, async (scene) => {
      const { redis, doctor } = scene;
      await waiting(scene);
      const stream = keys.stream('default');
      await redis.xadd(stream, '*', 'id', 'nobody');
      await redis.xreadgroup('GROUP', group, 'by-hand', 'COUNT', 2, 'STREAMS', stream, '>');
      const [stray] = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1)).map(([entry]) => entry);
      await redis.xack(stream, group, stray ?? '');
      const examination = await doctor();
      expect(found(examination)).toEqual(only('spent-entries: the entry .* belongs to no command'));
      await mendByRedisCli(redis, examination);
      expect(found(await doctor())).toEqual([]);
    }));

  it('somebody deleted its entry', () =>
    onScene({ ...busy, env: { AGENT_CONCURRENCY: '1', LEASE_MS: '60000' } }, async (scene) => {
      const { redis, doctor } = scene;
      const { id } = await waiting(scene);
      await redis.xdel(keys.stream('default'), (await redis.hget(keys.command(id), 'entry')) ?? '');
      expect(found(await doctor())).toEqual(only('unnamed-commands: nothing names', `${id} .PENDING`));
    }));

  it('everything that could recover it is gone', () =>
    onScene({ ownServer: true }, async ({ redis, deployment, doctor, submit }) => {
      const id = await submit(delay(600_000));
      await until(async () => (await redis.hget(keys.command(id), 'status')) === 'RUNNING');
      const all = [...deployment.agents, ...deployment.servers.map(({ process }) => process)];
      for (const one of all) one.kill('SIGKILL');
      await Promise.all(all.map(({ exited }) => exited));
      const entry = (await redis.hget(keys.command(id), 'entry')) ?? '';
      await redis.xclaim(keys.stream('default'), group, 'ghost', 0, entry, 'IDLE', 3_600_000, 'JUSTID');
      expect(found(await doctor())).toContainEqual(
        expect.stringMatching(
          /^pending-entries: the entry .* of ghost .* has gone unrenewed for up to 36\d\d s/,
        ),
      );
    }));
});

/** Does what the printed `redis-cli` line says. */
async function mendByRedisCli(redis: Redis, examination: Examination): Promise<void> {
  const [line = ''] = linesOf(examination).filter((one) => one.startsWith('redis-cli'));
  const [name = '', ...args] = line
    .replace(/^redis-cli( -\w+ \S+)* /, '')
    .replaceAll("'", '')
    .split(' ');
  expect(await redis.call(name, ...args)).toBe(1);
}
