import { identityOf } from '../../testing/agent-identity.js';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { registerAgent } from '../../agent/agent-registration.js';
import { submit } from '../../shared/lifecycle/transitions.js';
import { noFaults } from '../../shared/runtime/faults.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { pause } from '../../shared/runtime/service.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { calls, grant } from '../../shared/store/permissions.js';
import { UnusableRedisError } from '../../shared/store/unusable-redis.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { freePort } from '../../testing/processes.js';
import { repositoryRoot, TestRedis } from '../../testing/redis-server.js';
import { RedisTransport } from '../../agent/transport/redis-transport.js';
import { Server } from '../server.js';
import { EventClient } from '../testing/event-client.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { TestApi } from '../testing/test-api.js';
import { TransitionFeed } from '../events/transition-feed.js';

const keys = partitionKeys();
const silent = createLogger({ side: 'server', level: 'silent', pretty: false });
const leaseMs = 60_000;
let redis: TestRedis;
let admin: Redis;
let port: number;
const running: { stop(): Promise<unknown> }[] = [];
beforeAll(async () => {
  port = await freePort();
  redis = await TestRedis.start({ port });
  admin = redis.client();
});
beforeEach(async () => {
  await admin.flushall();
  await admin.call('ACL', 'LOG', 'RESET');
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});
afterAll(() => redis.stop());

const urlOf = (user = '', database = 0) =>
  `redis://${user === '' ? '' : `${user}:pw@`}127.0.0.1:${port}${database === 0 ? '' : `/${database}`}`;
const allow = (user: string, ...rules: readonly string[]) =>
  admin.call('ACL', 'SETUSER', user, 'reset', 'on', '>pw', ...rules);

function serverAt(redisUrl: string, more: Partial<ConstructorParameters<typeof Server>[0]> = {}): Server {
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 1000, logger: silent };
  const server = new Server({ ...options, redisUrl, ...more });
  running.push(server);
  return server;
}

async function startServer(...args: Parameters<typeof serverAt>): Promise<TestApi> {
  const server = serverAt(...args);
  await server.start();
  return new TestApi(server.url);
}

function agentAt(redisUrl: string, agentId: string): RedisTransport {
  const transport = new RedisTransport({
    redisUrl,
    agent: identityOf(agentId, `i-${agentId}`, 1),
    description: { host: 'h', pid: 1, version: '1', queues: ['default'], types: ['DELAY'], concurrency: 5 },
    leaseMs,
    logger: silent,
    faults: noFaults,
  });
  running.push({ stop: () => Promise.resolve(transport.close()) });
  return transport;
}

const delay = (more: object = {}) => ({ type: 'DELAY', payload: { ms: 0 }, ...more });
const idOf = (answer: { readonly body: unknown }) =>
  String((answer.body as { commandId?: unknown }).commandId);

/** Returns what Redis refused to this user, except for `mayBe`: calls without which a server works all the same. */
async function refusedTo(user: string, mayBe: readonly string[] = []): Promise<string[]> {
  const log = (await admin.call('ACL', 'LOG', '100')) as unknown[][];
  const entries = log.map(
    (row) => new Map(row.flatMap((name, i) => (i % 2 === 0 ? [[name, row[i + 1]]] : []))),
  );
  return entries
    .filter((entry) => entry.get('username') === user)
    .map((entry) => String(entry.get('object')))
    .filter((object) => !mayBe.includes(object));
}

/** Does everything that a server is asked to do, and that an agent asks of Redis. */
async function useAll(url: string): Promise<void> {
  // Finished commands are pruned soon, and delayed ones are due soon.
  const api = await startServer(url, { retentionMs: 1, leaseMs: 1000 });
  const agents = new TestAgents(api);
  const stream = await EventClient.open(`${api.url}/events`);
  // On a machine that is busy Redis may answer too late.
  const accepted = async (more: object) => {
    for (;;) {
      const answer = await api.post('/commands', delay(more));
      if (answer.status !== 503) return idOf(answer);
    }
  };
  const pruned = await accepted({ ttlMs: 1 });
  await api.post('/commands/batch', {
    commands: [delay({ runAt: new Date(Date.now() + 50).toISOString() }), delay()],
  });
  const cancelled = await accepted({ queue: 'other' });
  for (const path of [
    '/commands',
    '/commands?status=PENDING',
    '/commands?status=FAILED',
    '/agents',
    '/queues',
    '/types',
  ]) {
    expect({ path, ...(await api.get(path)), headers: {} }).toMatchObject({ path, status: 200 });
  }
  for (const path of ['/stats', '/metrics', '/ready', `/commands/${cancelled}?wait=1`]) {
    expect({ path, ...(await api.get(path)), headers: {} }).toMatchObject({ path, status: 200 });
  }
  for (const path of ['queues/other/pause', 'queues/other/resume', `commands/${cancelled}/cancel`]) {
    expect((await api.send('POST', `/${path}`)).status).toBeLessThan(300);
  }
  await api.send('POST', `/commands/${cancelled}/retry`);
  await agents.register('a', { session: 's', types: [{ type: 'X', payload: {}, result: {} }] });
  await agents.drain('a');
  const given = await agents.next({ agentId: 'b', session: 't', wait: 5 });
  const { attempt } = bodyOf(given);
  const holder = { agentId: 'b', session: 't', held: [{ commandId: givenId(given), attempt }] };
  expect((await agents.renew(holder)).status).toBe(200);
  await agents.complete(givenId(given), 'b', { session: 't', attempt });
  await agents.leave('a', 's');
  const agent = agentAt(url, 'at-redis');
  await agent.register();
  agent.hearCancels(() => undefined);
  await agent.announce([{ type: 'Y', payload: {}, result: {}, onAgentLost: 'fail', defaultTimeoutMs: null }]);
  await submit(admin, keys, [newCommand('00000000-0000-7000-8000-00000000000a')], {
    notAfter: Date.now() + 60_000,
    maxBacklog: 1000,
  });
  const reply = await agent.next(() => ({ limit: 5, inFlight: [] }), new AbortController().signal);
  const held = reply.word === 'ok' ? reply.started : [];
  expect(held.length).toBeGreaterThan(0);
  await agent.renew(held);
  await agent.reportProgress(
    held.map(({ id, attempt: number }) => ({ id, attempt: number, sequence: 1, progress: '1' })),
  );
  await agent.report(
    held.map(({ id, attempt: number }) => ({
      id,
      agentId: 'at-redis',
      session: 'i-at-redis.1',
      attempt: number,
      outcome: {
        ...({ status: 'FAILED', code: 'EXECUTION_FAILED', message: 'x', executed: 'yes' } as const),
        ...{ retryable: true, pauseMs: 0 },
      },
    })),
  );
  await agent.settle();
  await agent.releaseUnstarted();
  await agent.recover();
  await agent.leave();
  await stream.until(({ event }) => event === 'transition');
  stream.close();
  // The maintenance has expired it, and pruned it.
  while ((await api.get(`/commands/${pruned}`)).status !== 404) await pause(20);
}

test('the user that the docs name may do all that a server and an agent do', async () => {
  expect(await readFile(join(repositoryRoot, 'docs/how-to/configure-redis.md'), 'utf8')).toContain(
    grant.replace('<user>', 'fencepost on >PASSWORD'),
  );
  const [, , , ...rules] = grant.split(' ');
  await allow('documented', ...rules);
  await useAll(urlOf('documented'));
  expect(await refusedTo('documented')).toEqual([]);
});

test('the check at the start asks about everything that is used then', async () => {
  const commands = new Set(
    calls('server', 0).map(([command, subcommand]) =>
      ['XGROUP', 'XINFO'].includes(command) ? `${command}|${subcommand}`.toLowerCase() : command,
    ),
  );
  await allow(
    'exact',
    '-@all',
    '~fencepost:*',
    '&fencepost:*',
    ...[...commands].map((command) => `+${command}`),
  );
  await admin.call('ACL', 'SETUSER', 'exact', '+publish', '+subscribe');
  await useAll(urlOf('exact'));
  // The server asks for these two all the same, and works without them.
  expect(await refusedTo('exact', ['info', 'config|get'])).toEqual([]);
});

test('a user without INFO: what an agent lost is recovered, and /ready says what is not known', async () => {
  await allow('noinfo', '~fencepost:*', '&fencepost:*', '+@all', '-@dangerous');
  const api = await startServer(urlOf('noinfo'), { leaseMs: 1000 });
  const id = idOf(await api.post('/commands', delay({ onAgentLost: 'fail' })));
  const agent = agentAt(urlOf('noinfo'), 'lost');
  await agent.register();
  await agent.next(() => ({ limit: 1, inFlight: [] }), new AbortController().signal);
  expect(await api.get('/ready')).toMatchObject({
    status: 200,
    body: {
      durability: {
        ok: false,
        reasons: expect.arrayContaining([expect.stringMatching(/^INFO is not allowed/)]) as string[],
      },
      limits: [expect.stringMatching(/may not INFO/)],
    },
  });
  const ended = async () => bodyOf(await api.get(`/commands/${id}?wait=60`));
  expect(await ended()).toMatchObject({ status: 'FAILED', error: { code: 'AGENT_LOST' } });
});

test('a user without channels: waits end, /ready says it, it is logged, and followers are sent gaps', async () => {
  await allow('mute', '~fencepost:*', 'resetchannels', '+@all');
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ side: 'server', level: 'warn', pretty: false, destination });
  const api = await startServer(urlOf('mute'), { logger });
  const limits = [/PUBLISH .*events/, /PUBLISH .*lanes/, /PUBLISH .*cancels/, /SUBSCRIBE .*resync/];
  expect(await api.get('/ready')).toMatchObject({
    status: 200,
    body: { limits: limits.map((limit) => expect.stringMatching(limit) as string) },
  });
  const id = idOf(await api.post('/commands', delay()));
  const waiting = api.get(`/commands/${id}?wait=60`);
  await api.send('POST', `/commands/${id}/cancel`);
  expect(await waiting).toMatchObject({ status: 200, body: { status: 'FAILED' } });
  const feed = new TransitionFeed({
    url: urlOf('mute'),
    logger,
    probeMs: 20,
    refusedMs: { gap: 0, log: 3_600_000 },
  });
  running.push(feed);
  let gaps = 0;
  const followed = new Promise<void>((done) => {
    feed.listenToAll({ onTransition: () => undefined, onGap: () => ++gaps === 3 && done() });
  });
  await feed.start();
  await followed;
  // Once by each of the two, however often it is tried.
  expect(lines.filter((line) => line.includes('refuses the subscription'))).toHaveLength(2);
});

test('databases of one Redis do not receive the messages of each other', async () => {
  const databases = [0, 3];
  const apis = await Promise.all(databases.map((database) => startServer(urlOf('', database))));
  const streams = await Promise.all(apis.map((api) => EventClient.open(`${api.url}/events`)));
  const hints: string[][] = [[], []];
  const heard: (() => void)[] = [];
  const agents = await Promise.all(
    databases.map(async (database, i) => {
      const agent = agentAt(urlOf('', database), 'namesake');
      await agent.register();
      await new Promise<void>((subscribed) => {
        agent.hearCancels((hint) => {
          if (hint === 'gap') return subscribed();
          hints[i]?.push(hint.id);
          heard[i]?.();
        });
      });
      return agent;
    }),
  );
  const ids: string[] = [];
  // The other one first: what crossed would come before its own.
  for (const i of [1, 0]) {
    const api = apis[i];
    if (!api) throw new Error('no such server');
    const hinted = new Promise<void>((done) => (heard[i] = done));
    const id = idOf(await api.post('/commands', delay()));
    ids[i] = id;
    await agents[i]?.next(() => ({ limit: 1, inFlight: [] }), new AbortController().signal);
    expect((await api.send('POST', `/commands/${id}/cancel`)).status).toBe(202);
    await hinted;
    await streams[i]?.until(({ data }) => (data as { commandId?: string } | undefined)?.commandId === id);
  }
  expect(hints).toEqual(ids.map((id) => [id]));
  streams.forEach((stream, i) => {
    const told = stream.events.flatMap(({ data }) => (data as { commandId?: string }).commandId ?? []);
    expect([...new Set(told)]).toEqual([ids[i]]);
    stream.close();
  });
});

describe('refuses to start', () => {
  const users = { noeval: ['~fencepost:*', '+@all', '-eval'], keyless: ['~fencepost:{0}:*', '&*', '+@all'] };
  beforeAll(async () => {
    for (const [name, rules] of Object.entries(users)) await allow(name, ...rules);
  });
  const faults: [string, () => string, RegExp][] = [
    ['a database that there is not', () => urlOf('', 16), /names database 16/],
    ['a wrong password', () => urlOf('nobody'), /does not accept the user or the password/],
    ['a script that may not be sent', () => urlOf('noeval'), /needs: EVAL on/],
    ['keys that may not be used', () => urlOf('keyless'), /needs: TYPE on fencepost:agent:…/],
  ];
  test.each(faults)('a server: %s', async (_what, url, message) => {
    const fault: unknown = await serverAt(url())
      .start()
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UnusableRedisError);
    expect((fault as Error).message).toMatch(message);
    expect((fault as Error).message).not.toContain(':pw@');
  });
  test.each(faults)('an agent: %s', async (_what, url, message) => {
    const transport = agentAt(url(), 'refused');
    const taking = registerAgent({
      transport,
      leaseMs,
      signal: new AbortController().signal,
      logger: silent,
    });
    await expect(taking).rejects.toThrow(message);
    expect(await admin.exists('fencepost:agent:refused')).toBe(0);
  });
});

test('a Redis that refuses every write is not ready, and says so; what it refused was not carried out', async () => {
  const api = await startServer(urlOf());
  await mkdir(join(redis.directory, 'dump.rdb'));
  await admin.config('SET', 'save', '3600 1');
  await admin.bgsave();
  while (!/rdb_last_bgsave_status:err/.test(await admin.info('persistence'))) await pause(10);
  expect(await api.get('/ready')).toMatchObject({
    status: 503,
    body: { detail: expect.stringMatching(/^writes refused: MISCONF/) as string },
  });
  expect(await api.post('/commands', delay())).toMatchObject({
    status: 503,
    body: { detail: expect.stringMatching(/MISCONF.*so it was not made/s) as string },
  });
  await admin.config('SET', 'save', '');
  expect(await api.get('/ready')).toMatchObject({ status: 200, body: { durability: { ok: true } } });
  expect((await api.post('/commands', delay())).status).toBe(202);
});
