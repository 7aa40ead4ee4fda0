import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Diagnosis } from '../../cli/doctor/diagnosis.js';
import { agentKey, agentsKey, group } from '../../shared/store/keys.js';
import { Deployment } from '../../testing/deployment.js';
import { untilFrozen } from '../../testing/process-state.js';
import { freePort } from '../../testing/processes.js';
import { startServerHere } from '../server-here.js';
import { until } from '../trial.js';
import { bringBack, runLine, whereIs } from './command-line.js';
import { startOldRedis } from './old-redis.js';
import { delay, found, keys, linesOf, onScene, only, registerNobody, type Scene } from './scene.js';

/** Set-ups that are really broken, and the real program's findings on each. */

/** Returns an agent's announcement of a type whose payload is this field. */
const paint = (field: string) => {
  const payload = { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] };
  return { type: 'PAINT', payload: { ...payload, additionalProperties: false }, result: { type: 'null' } };
};

/** Lets a command have waited in a queue for a minute, without one that the test would have to wait. @returns its id */
async function waitedAMinute({ redis, submit }: Scene, queue: string): Promise<string> {
  const id = await submit(delay(0, { queue: 'elsewhere' }));
  await redis.sadd(keys.queues, queue);
  await redis.xadd(keys.stream(queue), `${Date.now() - 60_000}-0`, 'id', id);
  return id;
}

it('finds nothing wrong with a set-up that is well, whether it is at work or at rest', () =>
  onScene({}, async ({ doctor, submit, isDone }) => {
    expect(await doctor()).toMatchObject({ ok: true });
    const id = await submit(delay(1500));
    const diagnosis = await doctor();
    expect(found(diagnosis)).toEqual([]);
    expect(diagnosis.checks.every(({ state }) => state === 'pass')).toBe(true);
    await until(() => isDone(id));
  }));

describe('names the fault, and nothing else, when', () => {
  it('the append-only file is off', () =>
    onScene({ isStill: true, redisConfig: { appendonly: 'no' } }, async ({ doctor }) => {
      expect(found(await doctor())).toEqual(only('append-only-file: appendonly is no'));
    }));

  it('another setting of Redis is not safe', () =>
    onScene({ isStill: true }, async ({ redis, doctor }) => {
      const unsafe: [setting: string, value: string, problem: string][] = [
        ['appendfsync', 'everysec', 'fsync: appendfsync is everysec'],
        ['maxmemory-policy', 'allkeys-lru', 'eviction: .*allkeys-lru'],
        ['no-appendfsync-on-rewrite', 'yes', 'fsync: no-appendfsync-on-rewrite is yes'],
      ];
      for (const [setting, value, what] of unsafe) {
        const [, safe = ''] = await redis.config('GET', setting);
        await redis.config('SET', setting, value);
        expect(found(await doctor())).toEqual(only(what));
        await redis.config('SET', setting, safe);
      }
    }));

  it('Redis is away', () =>
    onScene({ agents: 0 }, async ({ deployment, redis, doctor }) => {
      await deployment.redis.kill();
      const diagnosis = await doctor();
      expect(found(diagnosis)).toEqual(only('redis: Redis does not answer at', 'ECONNREFUSED'));
      expect(diagnosis.checks.filter(({ state }) => state === 'skip').length).toBeGreaterThan(10);
      await bringBack(deployment);
      await redis.ping();
    }));

  it('the server is away', () =>
    onScene({ isStill: true }, async ({ doctor }) => {
      const SERVER_URL = `http://127.0.0.1:${await freePort()}`;
      expect(found(await doctor({ SERVER_URL }))).toEqual(only('server: no server answers at', SERVER_URL));
    }));

  it('Redis is too old', () =>
    onScene({ isStill: true }, async ({ doctor }) => {
      const old = await startOldRedis('6.2.14');
      try {
        expect(found(await doctor({ REDIS_URL: old.url }))).toEqual(
          only('redis-version: this is Redis 6.2.14', 'needs 7.0'),
        );
      } finally {
        old.stop();
      }
    }));

  it('an agent is of another version', () =>
    onScene({ isStill: true }, async ({ redis, doctor }) => {
      await redis.hset(agentKey('still'), 'version', '0.0.1');
      const diagnosis = await doctor();
      expect(found(diagnosis)).toEqual(only('versions: still .pid 7 on h1. is Fencepost 0.0.1'));
      expect(linesOf(diagnosis)).toContain('kill 7   # on h1');
    }));

  it('the data in Redis are of another version', () =>
    onScene({ isStill: true }, async ({ redis, doctor }) => {
      await redis.hset('fencepost:meta', 'schemaVersion', '2');
      expect(found(await doctor())).toEqual(only('schema-version: ', 'schemaVersion 2 instead of 1'));
    }));

  it("an agent's name is held by another live instance", () =>
    // The second waits for as long as a lease to see whether the first is alive.
    onScene({ env: { AGENT_ID: 'mailer', LEASE_MS: '3000' } }, async ({ deployment, doctor }) => {
      const second = await deployment.startAgent({
        env: { DATA_DIR: `${deployment.dataDir}/elsewhere` },
        dontWait: true,
      });
      expect(await second.exited).toMatchObject({ code: 1 });
      const pids = [String(deployment.agents[0]?.pid), String(second.pid)];
      expect(found(await doctor())).toEqual(
        only('agent-id-conflicts: the name mailer is held by', `pid ${pids[0]}`, `pid ${pids[1]}`),
      );
    }));

  it('an agent was lost', () =>
    onScene({ isStill: true }, async ({ deployment, redis, doctor }) => {
      const agent = await deployment.startAgent({ env: { LEASE_MS: '1000' } });
      agent.kill('SIGKILL');
      await agent.exited;
      const run = async () => found(await doctor());
      await until(async () => (await run()).length > 0);
      expect(await run()).toEqual(only('agents: ', `pid ${agent.pid}`, 'has been silent for'));
      expect(await redis.scard(agentsKey)).toBe(2);
    }));

  it('there is no agent at all', () =>
    onScene({ agents: 0 }, async ({ doctor }) => {
      expect(found(await doctor())).toEqual(only('agents: no agent is registered'));
    }));

  it('an agent says that it lives, and takes nothing', () =>
    onScene({ agents: 0 }, async (scene) => {
      await registerNobody(scene.deployment, 'deaf', ['default', 'elsewhere']);
      const id = await waitedAMinute(scene, 'default');
      const diagnosis = await scene.doctor();
      expect(found(diagnosis)).toEqual(only('agents: deaf .pid 7 on h1. sends heartbeats', id));
      expect(linesOf(diagnosis)).toContain('kill 7   # on h1');
    }));

  it('an agent takes nothing from one queue, unless it is at work on another without a rest', () =>
    onScene({ agents: 0 }, async (scene) => {
      const { deployment, redis, doctor } = scene;
      await registerNobody(deployment, 'busy', ['high', 'low']);
      const id = await waitedAMinute(scene, 'low');
      await redis.sadd(keys.queues, 'high');
      const high = keys.stream('high');
      await redis.xgroup('CREATE', high, group, '0', 'MKSTREAM');
      const ofAgents = async () => found(await doctor()).filter((what) => what.startsWith('agents: '));
      expect(await ofAgents()).toEqual(only('agents: busy .pid 7 on h1. sends heartbeats', id));

      let isOver = false;
      const work = async () => {
        for (; !isOver; await new Promise(setImmediate)) {
          const entry = (await redis.xadd(high, '*', 'id', id)) ?? '';
          await redis.xreadgroup('GROUP', group, 'busy', 'COUNT', 1, 'STREAMS', high, '>');
          await redis.xack(high, group, entry);
          await redis.xdel(high, entry);
        }
      };
      const working = work();
      const atWork = await ofAgents().finally(() => (isOver = true));
      await working;
      expect(atWork).toEqual([]);
    }));

  it('Redis takes no writes', () =>
    onScene({ isStill: true }, async ({ redis, doctor }) => {
      await redis.replicaof('127.0.0.1', 1);
      const diagnosis = await doctor();
      expect(found(diagnosis)).toEqual(only('redis-writable: this Redis is a slave of 127.0.0.1:1'));
      expect(linesOf(diagnosis).filter((line) => line.includes('REPLICAOF'))).toEqual([]);
    }));

  it('no agent serves a queue in which something waits', () =>
    onScene({ isStill: true }, async ({ doctor, submit }) => {
      await submit(delay(0, { queue: 'mail' }));
      expect(found(await doctor())).toEqual(
        only('unserved-queues: 1 command waits in the queue mail, which no live agent serves'),
      );
    }));

  it('no agent knows a type for which something waits', () =>
    onScene({}, async ({ deployment, redis, doctor, submit }) => {
      await registerNobody(deployment, 'painter', ['default'], [paint('colour')]);
      await fetch(new URL('/agents/painter?session=i1.1', deployment.url), { method: 'DELETE' });
      const id = await submit({ type: 'PAINT', payload: { colour: 'red' } });
      await until(async () => (await redis.hget(keys.command(id), 'waitingFor')) === 'PAINT');
      expect(found(await doctor())).toEqual(
        only('unserved-queues: commands of type PAINT wait in the queue default'),
      );
    }));

  it('two agents mean different things by one type', () =>
    onScene({ isStill: true }, async ({ deployment, doctor }) => {
      for (const field of ['colour', 'color']) {
        await registerNobody(deployment, `painter-${field}`, ['default'], [paint(field)]);
      }
      // A server looks at what is announced every second or so.
      await until(async () => found(await doctor()).length > 0);
      expect(found(await doctor())).toEqual(
        only(
          'types: agents announce conflicting schemas of the type PAINT: 2 versions, .*painter-color.*; .*painter-colo',
        ),
      );
    }));

  it('a queue is paused in which something waits', () =>
    onScene({ isStill: true }, async ({ deployment, doctor, submit }) => {
      await fetch(new URL('/queues/default/pause', deployment.url), { method: 'POST' });
      await submit(delay(0));
      expect(found(await doctor())).toEqual(
        only('unserved-queues: 1 command waits in the queue default', 'paused since'),
      );
    }));

  it('the only agent is drained', () =>
    onScene({ isStill: true }, async ({ deployment, doctor, submit }) => {
      await fetch(new URL('/agents/still/drain', deployment.url), { method: 'POST' });
      await submit(delay(0));
      expect(found(await doctor())).toEqual(
        only('unserved-queues: ', 'no live agent serves: still accepts no more commands'),
      );
    }));

  it('Redis is full', () =>
    onScene({ isStill: true }, async ({ redis, doctor, submit }) => {
      await redis.config('SET', 'maxmemory', '1mb');
      expect(await submit(delay(0))).toBeUndefined();
      expect(found(await doctor())).toEqual(only('memory: Redis is full'));
    }));

  it('Redis is nearly full', () =>
    onScene({ isStill: true }, async ({ redis, doctor }) => {
      // Compared with so much, the memory that comes and goes with connections is little.
      await redis.setrange('ballast', 50_000_000, 'x');
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      await redis.config('SET', 'maxmemory', String(Math.ceil(used * 1.06)));
      expect(found(await doctor())).toEqual(only('memory: Redis is nearly full'));
    }));
});

it('shows an operator what is wrong, why it matters, and what to type', () =>
  onScene({ isStill: true, redisConfig: { appendfsync: 'everysec' } }, async ({ deployment }) => {
    const { code, stdout } = await runLine(['doctor'], { env: whereIs(deployment) });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ fsync +everysec\n\n +appendfsync is everysec\.\n +Why it matters: .*\n +Fix: /);
    expect(stdout).toContain(`redis-cli -p ${deployment.redis.port} CONFIG SET appendfsync always\n`);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 problem found.');
  }));

it('says so when the server uses another Redis than the one that it looks at, and that is away', () =>
  onScene({ isStill: true }, async ({ deployment }) => {
    const other = await Deployment.start({ servers: 0 });
    try {
      await startServerHere(other);
      await other.redis.kill();
      const env = { ...whereIs(deployment), SERVER_URL: other.url };
      const diagnosis = JSON.parse((await runLine(['doctor', '--json'], { env })).stdout) as Diagnosis;
      expect(found(diagnosis)).toEqual(only('server-ready: .*/ready answers 503'));
    } finally {
      await bringBack(other);
      await other.stop();
    }
  }));

it('finds a server that stands below a path', () =>
  onScene({ isStill: true }, async ({ deployment, doctor }) => {
    const proxy = createHttpServer((request, response) => {
      const path = request.url?.startsWith('/below/') ? request.url.slice('/below'.length) : '/nowhere';
      void fetch(new URL(path, deployment.url)).then(async (answer) => {
        response.writeHead(answer.status).end(await answer.text());
      });
    });
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
    const { port } = proxy.address() as AddressInfo;
    try {
      expect(found(await doctor({ SERVER_URL: `http://127.0.0.1:${port}/below` }))).toEqual([]);
    } finally {
      proxy.close();
    }
  }));

it('writes nothing', () =>
  onScene({ isStill: true, ownServer: true }, async ({ redis, doctor, deployment, submit }) => {
    await submit(delay(600_000, { queue: 'mail' }));
    for (const { process } of deployment.servers) {
      process.kill('SIGSTOP');
      await untilFrozen(process);
    }
    // Redis reads in turn from all connections that have sent something: after this, the servers' calls have
    // been carried out.
    for (let round = 0; round < 2; round++) await redis.ping();
    const writes = async () => /rdb_changes_since_last_save:(\d+)/.exec(await redis.info('persistence'))?.[1];
    const before = await writes();
    expect((await doctor()).checks.filter(({ state }) => state === 'skip').length).toBeLessThan(5);
    expect(await writes()).toBe(before);
  }));
