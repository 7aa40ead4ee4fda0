import { type Redis } from 'ioredis';
import { pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { Ledger } from '../testing/ledger.js';
import { fateOf, submit, undisturbed } from './fate.js';
import { processesOf, type Trial, until, violationsBeside } from './trial.js';

/**
 * Keys of Fencepost's are overwritten with something else. That never causes a crash loop: the same processes
 * go on with everything that was not touched, and with all of it once the key is free again.
 */

const keys = partitionKeys();
const queue = keys.stream('default');
const leaseMs = 2000;

const essential = [keys.index, keys.scheduled, keys.expiring, keys.queues, queue];
const helpful = [keys.counts, keys.failedIndex, keys.recovery, keys.dead, 'fencepost:types'];
const ofAgent = ['fencepost:{0}:session:AGENT', 'fencepost:agent:AGENT'];

/** In one step: between two, a process would restore what it misses. */
const soilScript = `
  local existed = redis.call('EXISTS', KEYS[1])
  if existed == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
  redis.call('RPUSH', KEYS[1], 'another program was here')
  return existed`;

/** Puts the value of a key aside, and stores one there that is of no use to Fencepost. @returns how to undo that */
async function soil(redis: Redis, key: string): Promise<() => Promise<void>> {
  const aside = `aside ${key}`;
  const existed = (await redis.eval(soilScript, 2, key, aside)) === 1;
  return async () => {
    // Either way, what is stored there by now is removed.
    if (existed) await redis.rename(aside, key);
    else await redis.del(key);
  };
}

let trial: Trial;
let redis: Redis;
let before: unknown;
const soiled: string[] = [];

beforeAll(async () => {
  const [ledger, deployment] = await Promise.all([
    Ledger.start(),
    Deployment.start({ agents: 2, env: { LEASE_MS: String(leaseMs) } }),
  ]);
  trial = { deployment, ledger, clients: new ClientLog() };
  redis = deployment.redis.client();
  before = processesOf(trial);
});
afterEach(() => expect(processesOf(trial)).toEqual(before));
afterAll(async () => {
  const { deployment, ledger } = trial;
  await deployment.stop();
  await ledger.stop();
});

/** A command that is being executed. */
async function executing() {
  const answers = trial.ledger.hold();
  const id = await submit(trial);
  await trial.ledger.waitForHits(1, id);
  return { id, answers };
}

it.each([
  ...essential.map((key) => ({ key, submission: 500 })),
  ...[...helpful, ...ofAgent].map((key) => ({ key, submission: 202 })),
])(
  '$key is something else: what runs is done, submissions are answered $submission',
  async ({ key, submission }) => {
    const { id, answers } = await executing();
    const agentId = (await redis.hget(keys.command(id), 'agentId')) ?? '';
    const mend = await soil(redis, key.replace('AGENT', agentId));
    answers.release();
    expect(await fateOf(trial, id)).toEqual(undisturbed);
    const answer = await fetch(new URL('/commands', trial.deployment.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'HTTP_GET_JSON', payload: { url: trial.ledger.url } }),
    });
    expect(answer.status).toBe(submission);
    const body = (await answer.json()) as { commandId?: string };
    if (body.commandId === undefined) {
      trial.clients.note('unknown', [], { count: 1 });
      expect(body).toMatchObject({ code: 'redis_key_broken' });
    } else {
      trial.clients.note('accepted', [body.commandId]);
      expect(await fateOf(trial, body.commandId)).toEqual(undisturbed);
    }
    await mend();
    if (key === queue) soiled.push(id);
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
  },
);

it.each([
  { what: 'history', keyOf: keys.history },
  { what: 'marker', keyOf: keys.marker },
  { what: 'hash', keyOf: keys.command },
])("a command's $what is something else for a while: its outcome is not lost", async ({ what, keyOf }) => {
  const { id, answers } = await executing();
  const dead = await redis.xlen(keys.dead);
  const mend = await soil(redis, keyOf(id));
  answers.release();
  const told = new RegExp(`${id}.*(reported|something else under a key)`);
  await Promise.race(trial.deployment.agents.map((agent) => agent.waitForLine(told)));
  if (what === 'hash') {
    expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
    const answer = await fetch(new URL(`/commands/${id}`, trial.deployment.url));
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'redis_key_broken' }]);
    // The command's entry leads nowhere meanwhile.
    await until(async () => (await redis.xlen(keys.dead)) > dead);
  }
  await mend();
  expect(await fateOf(trial, id)).toEqual(undisturbed);
  soiled.push(id);
});

it("a command's marker is something else for good: it counts as lost, and what its agent reports is kept", async () => {
  const { id, answers } = await executing();
  await soil(redis, keys.marker(id));
  answers.release();
  await until(async () => (await redis.exists(keys.history(id))) === 1);
  const lost = { status: 'FAILED', code: 'AGENT_LOST', executed: 'unknown', losses: 1 };
  expect(await fateOf(trial, id)).toEqual({ ...undisturbed, ...lost, history: ['late 1 COMPLETED'] });
  soiled.push(id);
});

it('all keys that commands share are, for two leases: what runs is done, and all goes on afterwards', async () => {
  const { id, answers } = await executing();
  const mends = [];
  for (const key of [...essential, ...helpful]) mends.push(await soil(redis, key));
  await pause(2 * leaseMs);
  answers.release();
  expect(await fateOf(trial, id)).toEqual(undisturbed);
  for (const mend of mends) await mend();
  soiled.push(id);
  expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
});

it('the judge finds nothing in what was not touched', async () => {
  // The numbers were away for a while: an operator who restores them counts again.
  const { deployment } = trial;
  const ids = await redis.zrange(keys.index, '0', '-1');
  const statuses = await Promise.all(ids.map((id) => redis.hget(keys.command(id), 'status')));
  const of = (status: string) => statuses.filter((one) => one === status).length;
  await redis.hset(keys.counts, {
    COMPLETED: of('COMPLETED'),
    FAILED: of('FAILED'),
    PENDING: 0,
    RUNNING: 0,
  });
  await deployment.settled(ids.length);
  expect(await violationsBeside(trial, ({ commandId }) => soiled.includes(commandId ?? ''))).toEqual([]);
});
