import { randomUUID } from 'node:crypto';
import { type Redis } from 'ioredis';
import { shaOf } from '../shared/lifecycle/scripts.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { type Violation } from '../testing/invariants.js';
import { Ledger } from '../testing/ledger.js';
import { requestOf, TcpProxy } from '../testing/tcp-proxy.js';
import { fateOf, submit, undisturbed } from './fate.js';
import { onTrial, processesOf, type Trial, until, violationsBeside } from './trial.js';

/**
 * Fencepost's Redis is written to by hand. That never causes a crash loop: the same processes go on with
 * everything that was not touched, and what they cannot understand is put aside, where it can be seen.
 */

const keys = partitionKeys();
const queue = keys.stream('default');
const env = { LEASE_MS: '1500' };

describe('a server and two agents outlive, one after the other,', () => {
  let trial: Trial;
  let redis: Redis;
  let before: unknown;
  /** Match the violations that the tests so far have caused by hand. */
  const byHand: ((violation: Violation) => boolean)[] = [];

  beforeAll(async () => {
    const [ledger, deployment] = await Promise.all([Ledger.start(), Deployment.start({ agents: 2, env })]);
    trial = { deployment, ledger, clients: new ClientLog() };
    redis = deployment.redis.client();
    before = processesOf(trial);
  });
  afterEach(async () => {
    expect(processesOf(trial)).toEqual(before);
    await trial.deployment.settled();
    expect(await violationsBeside(trial, (violation) => byHand.some((isOf) => isOf(violation)))).toEqual([]);
  });
  afterAll(async () => {
    await trial.deployment.stop();
    await trial.ledger.stop();
  });

  const submitMany = (count: number, more: Parameters<typeof submit>[1] = {}) =>
    Promise.all(Array.from({ length: count }, () => submit(trial, more)));

  it('stray entries, which are put aside or taken off the stream', async () => {
    const { deployment, ledger } = trial;
    const done = await submit(trial);
    expect(await fateOf(trial, done)).toEqual(undisturbed);
    const answers = ledger.hold();
    const running = await submit(trial);
    await ledger.waitForHits(1, running);
    const half = randomUUID();
    await redis.hset(keys.command(half), 'status', 'PENDING');
    const text = randomUUID();
    await redis.set(keys.command(text), 'another program was here');

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
    expect(await deployment.get('/stats')).toMatchObject({
      malformedEntries: dead.length,
      pendingEntries: 0,
    });
    await redis.del(keys.command(half), keys.command(text));
    trial.clients.note('unknown', [half]);
    byHand.push(({ commandId }) => commandId === half);
  });

  it.each([
    { what: 'stream', remove: () => redis.del(queue) },
    { what: "stream's group", remove: () => redis.xgroup('DESTROY', queue, group) },
  ])('the end of the $what while commands wait and run', async ({ what, remove }) => {
    const { ledger } = trial;
    const answers = ledger.hold();
    const ids = [await submit(trial), await submit(trial, { onAgentLost: 'retry' })];
    for (const id of ids) await ledger.waitForHits(1, id);
    ids.push(...(await submitMany(4)));
    await remove();
    // Waiting commands are requeued without help; running ones go on meanwhile, for more than a lease.
    if (what === 'stream') await until(async () => (await redis.xlen(queue)) === 4);
    answers.release();
    for (const id of ids) expect(await fateOf(trial, id)).toEqual(undisturbed);
    // A new group delivers running commands again; the agent that runs one takes it back by its next renewal.
    byHand.push(
      ({ invariant, commandId, what: said }) =>
        ids.includes(commandId ?? '') && (invariant === 5 || said.startsWith('its entry was taken')),
    );
  });

  it('FLUSHALL under load, after which agents register and announce their types anew', async () => {
    const { deployment, ledger, clients } = trial;
    const announced = await deployment.get('/types');
    const payload = { url: `${ledger.url}/?delayMs=50` };
    const hits = ledger.hits().length;
    await submitMany(40, { payload });
    await ledger.waitForHits(hits + 10);
    const wiped = new Set(clients.accepted().keys());
    await redis.flushall();
    for (const id of await submitMany(20, { payload })) expect(await fateOf(trial, id)).toEqual(undisturbed);
    await until(async () => (await redis.keys('fencepost:agent:*')).length === 2);
    await until(async () => (await redis.hlen('fencepost:types')) === 2);
    expect(await deployment.get('/types')).toEqual(announced);
    // A deletion counts as what it is: the history checker reports it, and nothing else.
    byHand.push(({ invariant, commandId }) => invariant === 1 && wiped.has(commandId ?? ''));
  });
});

it('FLUSHALL in the middle of a heartbeat: the agent is not taken for another', () =>
  onTrial({ env }, async (trial) => {
    const { deployment } = trial;
    const redis = deployment.redis.client();
    const proxy = await TcpProxy.start({ path: deployment.redis.socket });
    try {
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
    } finally {
      await proxy.stop();
    }
  }));
