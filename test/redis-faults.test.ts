import { type OnAgentLost, type Submission } from '../shared/protocol/commands.js';
import { pause } from '../shared/runtime/service.js';
import { byExtent, isLong } from '../testing/extent.js';
import { ClockShim } from '../testing/clock-shim.js';
import { seededRandom } from '../testing/random.js';
import { type TestRedis } from '../testing/redis-server.js';
import { type Fate, fateOf, undisturbed } from './fate.js';
import { logged, onTrial, type Trial } from './trial.js';

/** Redis dies, freezes, is full, or reports another time: nothing accepted is lost, and nothing runs twice. */

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const hourMs = 3600 * 1000;

const get = ({ ledger }: Trial, onAgentLost: OnAgentLost = 'fail'): Submission => ({
  type: 'HTTP_GET_JSON',
  payload: { url: ledger.url },
  onAgentLost,
});

/** A client as the guide wants it: a key for each command, sent again until it is accepted. @returns its id */
async function insist(trial: Trial, idempotencyKey: string): Promise<string> {
  const { clients, deployment } = trial;
  for (;;) {
    const options = { idempotencyKey, timeoutMs: 3000 };
    const { outcome, ids } = await clients.submit(deployment.url, get(trial), options);
    if (outcome === 'accepted') return ids[0] ?? '';
    if (outcome === 'refused') throw new Error(`${idempotencyKey} was refused`);
    await pause(50);
  }
}

/** Under load: the agents have fewer slots than there are clients, so that some commands always wait. */
const agents = byExtent(2, 1);
const clientsUnderLoad = byExtent(24, 6);

/**
 * Each client submits a command, and the next one when it was executed, until `body` is done. @returns how many
 * in all
 */
async function underLoad(trial: Trial, body: () => Promise<void>): Promise<number> {
  const over = new AbortController();
  const client = async (name: number): Promise<number> => {
    let accepted = 0;
    for (; !over.signal.aborted; accepted++) {
      const id = await insist(trial, `client-${name}-${accepted}`);
      await trial.ledger.waitForHits(1, id);
    }
    return accepted;
  };
  const clients = Array.from({ length: clientsUnderLoad }, (_, name) => client(name));
  await body().finally(() => over.abort());
  return (await Promise.all(clients)).reduce((sum, one) => sum + one, 0);
}

/** Waits until `count` more requests have reached the outside world. */
const moreEffects = ({ ledger }: Trial, count: number) => ledger.waitForHits(ledger.hits().length + count);

const executing = ({ ledger }: Trial) => ledger.hits().filter(({ answeredMs }) => answeredMs === null).length;

/** Comes to rest with `accepted` commands, each completed by its first attempt, and executed once. */
async function expectAllDoneOnce({ deployment, ledger, clients }: Trial, accepted: number): Promise<void> {
  await deployment.settled(accepted);
  const report = await deployment.judge({ clients, ledger, faults: 'any' });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({
    accepted,
    completed: accepted,
    failed: 0,
    losses: 0,
    lateReports: 0,
    effects: accepted,
  });
}

const submitFour = async (trial: Trial, onAgentLost: OnAgentLost): Promise<readonly string[]> => {
  const commands = Array.from({ length: 4 }, () => get(trial, onAgentLost));
  const { outcome, ids } = await trial.clients.submitBatch(trial.deployment.url, commands);
  expect(outcome).toBe('accepted');
  return ids;
};

const kills = byExtent(3, 1);
it.concurrent(`Redis is killed under load, ${kills} of 3 times that a long run kills it (SEED=${seed})`, () => {
  const env = { LEASE_MS: '3000', AGENT_CONCURRENCY: '4' };
  return onTrial({ agents, answerAfterMs: 50, env }, async (trial) => {
    const random = seededRandom(seed);
    const hit: number[] = [];
    const accepted = await underLoad(trial, async () => {
      for (let killed = 0; killed < kills; killed++) {
        await moreEffects(trial, 20 + Math.floor(random() * 40));
        await pause(random() * 20);
        hit.push(executing(trial));
        await trial.deployment.redis.kill();
        await trial.deployment.redis.start();
      }
      await moreEffects(trial, 20);
    });
    await expectAllDoneOnce(trial, accepted);
    // Without such a hit, the kills would have met nothing.
    expect(Math.max(...hit)).toBeGreaterThan(0);
  });
});

interface Outage {
  readonly what: string;
  readonly leases: number;
  readonly leaseMs: number;
  readonly begin: (redis: TestRedis) => Promise<void> | void;
  readonly end: (redis: TestRedis) => Promise<void> | void;
}

const kill = { begin: (redis: TestRedis) => redis.kill(), end: (redis: TestRedis) => redis.start() };
const freeze = { begin: (redis: TestRedis) => redis.freeze(), end: (redis: TestRedis) => redis.thaw() };
const outages: readonly Outage[] = [
  // An agent renews after a third of a lease: what is left of it then is for Redis and the agents to find each
  // other again, four seconds on a machine that has much else to do.
  { what: 'away for a third of a lease', leases: 1 / 3, leaseMs: 12_000, ...kill },
  { what: 'away for two leases', leases: 2, leaseMs: 4000, ...kill },
  { what: 'frozen for two leases', leases: 2, leaseMs: 4000, ...freeze },
];

const givenUp: Fate = {
  ...undisturbed,
  attempt: 2,
  losses: 1,
  effects: [1, 2],
  history: ['lost 1 FAILED'],
};

// For two leases it is frozen in the short form: what follows is the same, and what a kill does is in the others.
const tried = outages.filter(({ leases, begin }) => isLong || leases < 1 || begin === freeze.begin);
it.concurrent.each(tried)('Redis is $what while commands run', ({ leases, leaseMs, begin, end }) => {
  const env = { LEASE_MS: String(leaseMs), AGENT_CONCURRENCY: String(8 / agents) };
  return onTrial({ agents, env }, async (trial) => {
    const { deployment, ledger, clients } = trial;
    // Every other answer comes while Redis is away, the rest once it is back.
    const during = ledger.hold(({ order }) => order % 2 === 0);
    const after = ledger.hold(({ order }) => order % 2 === 1);
    const failing = await submitFour(trial, 'fail');
    const retried = await submitFour(trial, 'retry');
    await ledger.waitForHits(8);
    await begin(deployment.redis);
    await pause((leases * leaseMs) / 2);
    during.release();
    await pause((leases * leaseMs) / 2);
    await end(deployment.redis);
    after.release();
    await deployment.settled(8);
    const report = await deployment.judge({ clients, ledger, faults: 'any' });
    expect(report.violations).toEqual([]);

    const outlastsLeases = leases > 1;
    for (const id of outlastsLeases ? failing : [...failing, ...retried]) {
      expect(await fateOf(trial, id)).toEqual(undisturbed);
    }
    // A retriable command is given up first, and only then does its next attempt begin.
    const aborted = deployment.agents.flatMap((agent) => logged(agent, 'aborted'));
    expect(aborted.map(({ commandId }) => commandId).sort()).toEqual(
      outlastsLeases ? [...retried].sort() : [],
    );
    for (const { commandId = '', atMs } of aborted) {
      expect(await fateOf(trial, commandId)).toEqual(givenUp);
      expect(ledger.hitsOf(commandId)[1]?.atMs).toBeGreaterThan(atMs);
    }
    expect(deployment.agents.every(({ running }) => running)).toBe(true);
  });
});

/** Submits until a submission is not taken. @returns the answer */
async function untilRefused(trial: Trial): Promise<Response> {
  const { clients, deployment } = trial;
  for (;;) {
    const answer = await fetch(new URL('/commands', deployment.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(get(trial)),
    });
    if (!answer.ok) {
      clients.note('unknown', [], { count: 1 });
      return answer;
    }
    clients.note('accepted', [((await answer.json()) as { commandId: string }).commandId]);
  }
}

it.concurrent('Redis is out of memory: new work is refused, and what was accepted is done', () => {
  // No agent may lose its lease because the machine is busy: this is about renewals that Redis refuses.
  const leaseMs = 8000;
  const env = { LEASE_MS: String(leaseMs), AGENT_CONCURRENCY: '2' };
  return onTrial({ agents: 1, env }, async (trial) => {
    const { deployment, ledger, clients } = trial;
    const redis = deployment.redis.client();
    const answers = ledger.hold();
    await submitFour(trial, 'fail');
    await submitFour(trial, 'retry');
    await ledger.waitForHits(2);
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory', used + 16 * 1024);
    // The memory that Redis uses besides commands goes up and down: one may fit after another did not.
    const refusal = await untilRefused(trial);
    const accepted = clients.accepted().size;
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get('retry-after')).not.toBeNull();
    expect(await refusal.json()).toMatchObject({ code: 'redis_full' });

    // For longer than a lease: renewals must pass, too.
    await pause(1.5 * leaseMs);
    answers.release();
    // An agent that starts now must be able to work, as must one that crashed and has outcomes to report.
    await deployment.startAgent();
    await deployment.settled(accepted);
    await redis.config('SET', 'maxmemory', 0);
    await insist(trial, 'afterwards');
    await deployment.settled(accepted + 1);
    const report = await deployment.judge({ clients, ledger, faults: 'none' });
    expect(report.violations).toEqual([]);
    expect(report.counts).toMatchObject({ completed: accepted + 1, failed: 0, effects: accepted + 1 });
  });
});

// The shim is preloaded the way that Linux does it.
(process.platform === 'linux' ? it.concurrent : it.skip)(
  "Redis's clock jumps an hour forward and back while commands run",
  async () => {
    const clock = await ClockShim.build();
    // Agents must be able to renew it on a busy machine: the test is about the clock.
    const leaseMs = 6000;
    const env = { LEASE_MS: String(leaseMs), AGENT_CONCURRENCY: '4' };
    const body = async (trial: Trial) => {
      const redis = trial.deployment.redis.client();
      const told = async () => Number((await redis.time())[0]) * 1000 - Date.now();
      // One of each policy runs from before the first jump until after the second.
      const answers = trial.ledger.hold(({ order }) => order <= 2);
      for (const policy of ['fail', 'retry'] as const) {
        await trial.clients.submit(trial.deployment.url, get(trial, policy));
      }
      await trial.ledger.waitForHits(2);
      const accepted = await underLoad(trial, async () => {
        await moreEffects(trial, 20);
        clock.set(hourMs);
        expect(await told()).toBeGreaterThan(0.9 * hourMs);
        await moreEffects(trial, 50);
        // Long enough for everything that looks at deadlines to look at this one.
        await pause(leaseMs);
        clock.set(0);
        expect(await told()).toBeLessThan(0.1 * hourMs);
        await moreEffects(trial, 50);
      });
      answers.release();
      await expectAllDoneOnce(trial, accepted + 2);
    };
    try {
      await onTrial({ agents, answerAfterMs: 50, env, redisEnv: clock.env }, body);
    } finally {
      await clock.remove();
    }
  },
);
