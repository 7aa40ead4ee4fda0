import { shaOf } from '../../shared/lifecycle/scripts.js';
import { type Report, type StartedCommand, submit } from '../../shared/lifecycle/transitions.js';
import { retireQueues } from '../../shared/lifecycle/upkeep.js';
import { noFaults } from '../../shared/runtime/faults.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { identityOf } from '../../testing/agent-identity.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { requestOf, TcpProxy } from '../../testing/tcp-proxy.js';
import { conformance, type LosableCall, type TransportRig } from './conformance.js';
import { RedisTransport } from './redis-transport.js';
import { type Demand, type NextReply, type Transport } from './transport.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const leaseMs = 3000;
const scripts = {
  next: 'start',
  report: 'report',
  renew: 'renew',
  reportProgress: 'progress',
  register: 'register',
  leave: 'leave',
} as const;

let redis: TestRedis;
let proxy: TcpProxy;
let rig: TransportRig;

beforeAll(async () => {
  redis = await TestRedis.start();
  proxy = await TcpProxy.start({ path: redis.socket });
  rig = {
    redis: redis.client(),
    leaseMs,
    connect: (agent, description) =>
      new RedisTransport({ redisUrl: proxy.url, agent, description, leaseMs, logger, faults: noFaults }),
    loseAnswer: (call: LosableCall) => proxy.loseReply(requestOf('EVALSHA', shaOf(scripts[call]))),
    cut: () => {
      proxy.cut();
      proxy.reset();
    },
    heal: () => proxy.heal(),
  };
});
afterAll(async () => {
  await proxy.stop();
  await redis.stop();
});

conformance(() => rig);

test.each([1, 2])(
  'queues that are retired while %d agents wait at them give each a command all the same',
  async (count) => {
    const client = redis.client();
    const keys = partitionKeys();
    await client.flushall();
    const queues = ['brief', 'other'];
    const description = { host: 'h', pid: 7, version: '1', queues, types: [], concurrency: 1 };
    const waiters = Array.from({ length: count }, (_, i) =>
      rig.connect(identityOf(`waiter-${i}`, `i-waiter-${i}`, 1), description),
    );
    const never = new AbortController().signal;
    /** Resolves with the command that it is given; each call waits for a third of a lease. */
    const given = async (transport: Transport): Promise<StartedCommand> => {
      for (;;) {
        const reply = await transport.next(() => ({ limit: 1, inFlight: [] }), never);
        if (reply.word !== 'ok') throw new Error(reply.word);
        if (reply.started[0]) return reply.started[0];
      }
    };
    try {
      for (const waiter of waiters) await waiter.register();
      const started = Promise.all(waiters.map(given));
      const areWaiting = new RegExp(`blocked_clients:${count}`);
      while (!areWaiting.test(await client.info('clients'))) await client.ping();
      expect(await retireQueues(client, keys, queues)).toEqual(queues);
      const ids = waiters.map((_, i) => `00000000-0000-7000-8000-00000000000${i}`);
      const commands = ids.map((id) => newCommand(id, { queue: 'brief' }));
      await submit(client, keys, commands, { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 10 });
      const attempts = (await started).map(({ id, attempt }) => [id, attempt]);
      expect(attempts.sort()).toEqual(ids.map((id) => [id, 1]));
      expect(await client.pttl(keys.stream('brief'))).toBe(-1);
    } finally {
      for (const waiter of waiters) waiter.close();
    }
  },
);

describe('a call that reports and starts', () => {
  const keys = partitionKeys();
  const agent = identityOf('turner', 'i-turner', 1);
  const description = {
    host: 'h',
    pid: 7,
    version: '1',
    queues: ['turns'],
    types: ['DELAY'],
    concurrency: 2,
  };
  let transport: Transport;
  let ids: string[];

  beforeEach(async () => {
    await redis.client().flushall();
    transport = rig.connect(agent, description);
    await transport.register();
    ids = ['a', 'b', 'c'].map((letter) => `00000000-0000-7000-8000-00000000000${letter}`);
    const commands = ids.map((id) => newCommand(id, { queue: 'turns' }));
    await submit(redis.client(), keys, commands, { notAfter: Date.now() + 60_000, maxBacklog: 10 });
  });
  afterEach(() => {
    rig.heal();
    transport.close();
  });

  const first = async (): Promise<StartedCommand> => {
    const reply = await transport.next(() => ({ limit: 1, inFlight: [] }), new AbortController().signal);
    if (reply.word !== 'ok' || !reply.started[0]) throw new Error(`not started: ${JSON.stringify(reply)}`);
    return reply.started[0];
  };
  const reportOf = ({ id, attempt }: StartedCommand): Report => ({
    id,
    agentId: agent.agentId,
    session: agent.session,
    attempt,
    outcome: { status: 'COMPLETED', result: '{}' },
  });
  /** Takes a turn after `ending`. @returns the words, and what was given */
  async function turn(ending: StartedCommand, demand: Demand) {
    const given: NextReply[] = [];
    const words = await transport.report([reportOf(ending)], {
      demand: () => demand,
      onAnswer: (reply) => given.push(reply),
    });
    return {
      words,
      given: given.map((one) => (one.word === 'ok' ? one.started.map(({ id }) => id) : one.word)),
    };
  }

  it('gives what the reported ones made room for', async () => {
    const one = await first();
    expect(await turn(one, { limit: 1, inFlight: [] })).toEqual({ words: ['accepted'], given: [[ids[1]]] });
    expect(await redis.client().hget(keys.command(one.id), 'status')).toBe('COMPLETED');
  });

  it('starts nothing when nothing is asked for', async () => {
    const one = await first();
    expect(await turn(one, { limit: 0, inFlight: [] })).toEqual({ words: ['accepted'], given: [] });
    expect(await redis.client().hget(keys.counts, 'RUNNING')).toBe('0');
  });

  it('whose answer was lost is carried out once, and gives the same again', async () => {
    const one = await first();
    const { lost } = proxy.loseReply(requestOf('EVALSHA', shaOf('report_and_start')));
    expect(await turn(one, { limit: 1, inFlight: [] })).toEqual({ words: ['again'], given: [[ids[1]]] });
    await lost;
    expect(await redis.client().hmget(keys.counts, 'RUNNING', 'PENDING', 'COMPLETED')).toEqual([
      '1',
      '1',
      '1',
    ]);
  });

  it('works in a Redis that has forgotten its scripts', async () => {
    const one = await first();
    await redis.client().script('FLUSH');
    expect(await turn(one, { limit: 1, inFlight: [] })).toEqual({ words: ['accepted'], given: [[ids[1]]] });
  });

  it('has its reports answered also when nothing can be started', async () => {
    const one = await first();
    // An ACL that takes `start` away from it.
    await redis.client().call('ACL', 'SETUSER', 'default', '-xreadgroup');
    const answer = await turn(one, { limit: 1, inFlight: [] });
    await redis.client().call('ACL', 'SETUSER', 'default', '+xreadgroup');
    expect(answer).toEqual({ words: ['accepted'], given: [] });
  });

  it('says that this session is over', async () => {
    const one = await first();
    const next = rig.connect(identityOf('turner', 'i-turner', 2), description);
    await next.register();
    next.close();
    expect(await turn(one, { limit: 1, inFlight: [] })).toEqual({
      words: ['accepted'],
      given: ['old-session'],
    });
  });
});
