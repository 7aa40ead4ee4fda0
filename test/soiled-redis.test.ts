import { randomUUID } from 'node:crypto';
import { type Redis } from 'ioredis';
import { shaOf } from '../shared/lifecycle/scripts.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { type Violation } from '../shared/testing/invariants.js';
import { requestOf, TcpProxy } from '../shared/testing/tcp-proxy.js';
import { fateOf, submit, undisturbed } from './fate.js';
import { onTrial, processesOf, type Trial, until, violationsBeside } from './trial.js';

/**
 * Somebody writes into Fencepost's Redis by hand. It is never a crash loop: the same processes go on
 * with whatever was not touched, and what nobody can understand is put aside, where it can be seen.
 */

const keys = partitionKeys();
const queue = keys.stream('default');
const env = { LEASE_MS: '1500' };

const proxies: TcpProxy[] = [];
afterAll(() => Promise.all(proxies.map((proxy) => proxy.stop())));

const submitMany = async (trial: Trial, count: number, more: Parameters<typeof submit>[1] = {}) =>
  Promise.all(Array.from({ length: count }, () => submit(trial, more)));

it.concurrent('stray entries are put aside or taken off the stream', () =>
  onTrial({ servers: 1, agents: 2, env }, async (trial) => {
    const { deployment, ledger } = trial;
    const redis = deployment.redis.client();
    const before = processesOf(trial);
    const done = await submit(trial);
    expect(await fateOf(trial, done)).toEqual(undisturbed);
    const answers = ledger.hold();
    const running = await submit(trial);
    await ledger.waitForHits(2);
    const half = randomUUID();
    await redis.hset(keys.command(half), 'status', 'PENDING');
    const text = randomUUID();
    await redis.set(keys.command(text), 'somebody was here');

    const dead = [
      ['note', 'no id'],
      ['id', 'garbage'],
      ['id', 'x'.repeat(100_000)],
      ['id', randomUUID()],
      ['id', running, 'and', 'more'],
      ['id', half],
      ['id', text],
    ];
    for (const fields of [...dead, ['id', running], ['id', done]]) await redis.xadd(queue, '*', ...fields);
    await until(async () => (await redis.xlen(queue)) === 1);
    answers.release();
    expect(await fateOf(trial, running)).toEqual(undisturbed);
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);

    const kept = (await redis.xrange(keys.dead, '-', '+')).map(
      ([, fields]) => fields[fields.indexOf('why') + 1],
    );
    const [strange, gone, broken] = ['not an entry of Fencepost', 'no such command', 'not a command'];
    expect(kept.sort()).toEqual([strange, gone, gone, gone, strange, broken, broken].sort());
    expect(await deployment.get('/stats')).toMatchObject({ deadEntries: dead.length, pendingEntries: 0 });
    expect(processesOf(trial)).toEqual(before);
    await redis.del(keys.command(half), keys.command(text));
    trial.clients.note('unknown', [half]);
    expect(await violationsBeside(trial, ({ commandId }) => commandId === half)).toEqual([]);
  }));

it.concurrent('FLUSHALL under load: agents register and announce their types anew', () =>
  onTrial(
    { servers: 1, agents: 2, answerAfterMs: 50, env: { ...env, AGENT_CONCURRENCY: '2' } },
    async (trial) => {
      const { deployment, ledger } = trial;
      const redis = deployment.redis.client();
      const before = processesOf(trial);
      const announced = await deployment.get('/types');
      const wiped = new Set(await submitMany(trial, 40));
      await ledger.waitForHits(10);
      await redis.flushall();
      for (const id of await submitMany(trial, 20)) expect(await fateOf(trial, id)).toEqual(undisturbed);
      await until(async () => (await redis.keys('fencepost:agent:*')).length === 2);
      await until(async () => (await redis.hlen('fencepost:types')) === 2);
      expect(await deployment.get('/types')).toEqual(announced);
      expect(processesOf(trial)).toEqual(before);
      // A deletion is what it is: the judge tells of it, and of nothing else.
      const isWiping = ({ invariant, commandId }: Violation) => invariant === 1 && wiped.has(commandId ?? '');
      expect(await violationsBeside(trial, isWiping)).toEqual([]);
    },
  ));

it.concurrent('FLUSHALL in the middle of a heartbeat: the agent is not taken for another', () =>
  onTrial({ servers: 1, env }, async (trial) => {
    const { deployment } = trial;
    const redis = deployment.redis.client();
    const proxy = await TcpProxy.start({ path: deployment.redis.socket });
    proxies.push(proxy);
    await deployment.startAgent({ env: { REDIS_URL: proxy.url } });
    const before = processesOf(trial);
    const admit = proxy.holdNext(requestOf('evalsha', shaOf('admit')));
    await admit.held;
    await redis.flushall();
    expect(await admit.deliver()).toEqual(['old-session']);
    await until(async () => (await redis.keys(keys.session('*'))).length === 1);
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
    expect(processesOf(trial)).toEqual(before);
    expect(await violationsBeside(trial, () => false)).toEqual([]);
  }));

const deletions = [
  { what: 'stream', remove: (redis: Redis) => redis.del(queue) },
  { what: "stream's group", remove: (redis: Redis) => redis.xgroup('DESTROY', queue, group) },
];
it.concurrent.each(deletions)('the $what is deleted while commands wait and run', ({ what, remove }) =>
  onTrial({ agents: 2, env }, async (trial) => {
    const { deployment, ledger } = trial;
    const redis = deployment.redis.client();
    const before = processesOf(trial);
    const answers = ledger.hold(({ order }) => order <= 2);
    const ids = [await submit(trial), await submit(trial, { onAgentLost: 'retry' })];
    await ledger.waitForHits(2);
    ids.push(...(await submitMany(trial, 4)));
    await remove(redis);
    // Those that wait come back by themselves; those that run go on meanwhile, for more than a lease.
    if (what === 'stream') await until(async () => (await redis.xlen(queue)) === 4);
    answers.release();
    for (const id of ids) expect(await fateOf(trial, id)).toEqual(undisturbed);
    expect(processesOf(trial)).toEqual(before);
    await deployment.settled(6);
    // A new group gives out again what runs; whoever runs it takes it back by its next renewal.
    const isDeletion = ({ invariant, commandId, what: said }: Violation) =>
      ids.includes(commandId ?? '') && (invariant === 5 || said.startsWith('its entry was taken'));
    expect(await violationsBeside(trial, isDeletion)).toEqual([]);
  }),
);
