import { type Redis } from 'ioredis';
import { type Diagnosis } from '../../cli/doctor/diagnosis.js';
import { group } from '../../shared/store/keys.js';
import { type AnswerHold, Ledger } from '../../testing/ledger.js';
import { until } from '../trial.js';
import { delay, found, keys, linesOf, onScene, only, type Scene, startScene } from './scene.js';

/** Commands that nothing can move any more, because keys were changed by hand, past the scripts. */

describe('finds a stuck command, and the line that it prints mends it, when', () => {
  let scene: Scene;
  let ledger: Ledger;
  let answers: AnswerHold;
  beforeAll(async () => {
    ledger = await Ledger.start();
    // Nothing is read ahead of what the agent is at work on. An orphaned command is found again after a lease,
    // which is longer than doctor looks.
    scene = await startScene({ env: { AGENT_CONCURRENCY: '1', LEASE_MS: '6000' } });
  });
  beforeEach(() => {
    answers = ledger.hold();
  });
  afterEach(async () => {
    answers.release();
    await scene.deployment.client.cancelAll({ status: 'PENDING' });
    await scene.deployment.settled();
  });
  afterAll(async () => {
    await scene.deployment.stop();
    await ledger.stop();
  });

  /** Submits a command that runs until the answers are released. */
  async function running() {
    const payload = { url: ledger.url };
    const id = await scene.submit({ type: 'HTTP_GET_JSON', payload, timeoutMs: 600_000 });
    await ledger.waitForHits(1, id);
    return id;
  }

  /** Submits a command that waits behind another. */
  async function waiting(more: object = {}) {
    await running();
    return scene.submit(delay(0, more));
  }

  it('its entry was acknowledged by hand', async () => {
    const { redis, doctor, deployment } = scene;
    const id = await waiting();
    await redis.xreadgroup('GROUP', group, 'by-hand', 'COUNT', 1, 'STREAMS', keys.stream('default'), '>');
    const entry = (await redis.hget(keys.command(id), 'entry')) ?? '';
    await redis.xack(keys.stream('default'), group, entry);
    const diagnosis = await doctor();
    expect(found(diagnosis)).toEqual(
      only(
        'manually-acked-entries: an operator or another program acknowledged the entries of',
        `${id} .PENDING`,
      ),
    );
    await mendByRedisCli(redis, diagnosis);
    answers.release();
    expect(await deployment.client.wait(id)).toMatchObject({ status: 'COMPLETED' });
    expect(found(await doctor())).toEqual([]);
  });

  it('a marker was set by hand, so that it neither starts nor expires', async () => {
    const { redis, doctor, deployment } = scene;
    const id = await waiting({ ttlMs: 1000 });
    await redis.set(keys.marker(id), '1:nobody:x.1');
    await until(async () => (await redis.zscore(keys.expiring, id)) === null);
    const diagnosis = await doctor();
    expect(found(diagnosis)).toEqual(
      only('stale-markers: ', `${id} is PENDING with an execution marker`, 'should have expired'),
    );
    expect(linesOf(diagnosis)).toContain(`npx fencepost cancel ${id}`);
    await fetch(new URL(`/commands/${id}/cancel`, deployment.url), { method: 'POST' });
    expect(found(await doctor())).toEqual([]);
  });

  it('a marker is left of a command that has ended', async () => {
    const { redis, doctor, submit, isDone } = scene;
    const id = await submit(delay(0));
    await until(() => isDone(id));
    await redis.set(keys.marker(id), '1:nobody:x.1');
    const diagnosis = await doctor();
    expect(found(diagnosis)).toEqual(
      only('stale-markers: ', `${id} .COMPLETED. left an execution marker behind`),
    );
    await mendByRedisCli(redis, diagnosis);
    expect(found(await doctor())).toEqual([]);
  });

  it('its marker was deleted while it was running, and its agent cannot say so', async () => {
    const { redis, doctor, deployment } = scene;
    const id = await running();
    deployment.agents[0]?.kill('SIGSTOP');
    const marker = (await redis.getdel(keys.marker(id))) ?? '';
    expect(found(await doctor())).toEqual(
      only('pending-entries: ', `${id} in the queue default is RUNNING without an execution marker`),
    );
    await redis.set(keys.marker(id), marker);
    deployment.agents[0]?.kill('SIGCONT');
  });

  it('an entry names no command', async () => {
    const { redis, doctor } = scene;
    await waiting();
    const stream = keys.stream('default');
    await redis.xadd(stream, '*', 'id', 'nobody');
    await redis.xreadgroup('GROUP', group, 'by-hand', 'COUNT', 2, 'STREAMS', stream, '>');
    const [stray] = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1)).map(([entry]) => entry);
    await redis.xack(stream, group, stray ?? '');
    const diagnosis = await doctor();
    expect(found(diagnosis)).toEqual(
      only('manually-acked-entries: the entry .* belongs to no waiting or running command'),
    );
    await mendByRedisCli(redis, diagnosis);
    expect(found(await doctor())).toEqual([]);
  });

  it('its entry was deleted', async () => {
    const { redis, doctor } = scene;
    const id = await waiting();
    await redis.xdel(keys.stream('default'), (await redis.hget(keys.command(id), 'entry')) ?? '');
    expect(found(await doctor())).toEqual(
      only('orphaned-commands: no entry or schedule names', `${id} .PENDING`),
    );
  });

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

/** Runs the printed `redis-cli` line. */
async function mendByRedisCli(redis: Redis, diagnosis: Diagnosis): Promise<void> {
  const [line = ''] = linesOf(diagnosis).filter((one) => one.startsWith('redis-cli'));
  const [name = '', ...args] = line
    .replace(/^redis-cli( -\w+ \S+)* /, '')
    .replaceAll("'", '')
    .split(' ');
  expect(await redis.call(name, ...args)).toBe(1);
}
