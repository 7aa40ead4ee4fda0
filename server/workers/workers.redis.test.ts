import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { Agent, request } from 'undici';
import { endProcesses, startProcess, type TestProcess } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';

/** A server of several processes: to its clients it is one, whichever of them dies. */

let redis: TestRedis;
beforeAll(async () => (redis = await TestRedis.start()));
afterAll(async () => {
  await endProcesses();
  await redis.stop();
});

interface Running {
  readonly process: TestProcess;
  readonly url: string;
}

async function startServer(env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const all = {
    PORT: '0',
    SERVER_WORKERS: '2',
    REDIS_URL: redis.url,
    LOG_LEVEL: 'info',
    LOG_PRETTY: 'false',
  };
  const server = startProcess(['dist/server/main.js'], { env: { ...all, ...env } });
  const line = await server.waitForLine(/"ready: http/);
  return { process: server, url: (JSON.parse(line) as { url: string }).url };
}

/** Processes that this one started, by their ids. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** On a connection of its own, so that workers take turns. @returns undefined when the connection broke */
async function ask(url: string, body?: unknown): Promise<{ status: number; text: string } | undefined> {
  const dispatcher = new Agent({ pipelining: 0 });
  try {
    const sent =
      body === undefined
        ? {}
        : {
            method: 'POST' as const,
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          };
    const answer = await request(url, { ...sent, dispatcher });
    return { status: answer.statusCode, text: await answer.body.text() };
  } catch {
    return undefined;
  } finally {
    await dispatcher.destroy();
  }
}

const delay = { type: 'DELAY', payload: { ms: 1 } };
/** The processes that have logged a request. */
const answering = ({ process }: Running) =>
  new Set(
    process.lines
      .filter((line) => line.includes('"msg":"request"'))
      .map((line) => (JSON.parse(line) as { pid: number }).pid),
  );

/** The samples of a scrape, by name and labels. */
async function scrape(url: string): Promise<Map<string, number>> {
  const { text = '' } = (await ask(`${url}/metrics`)) ?? {};
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = lines.map(
    (line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))] as const,
  );
  // Each sample is there once, whichever worker reported it.
  expect(new Set(samples.map(([name]) => name)).size).toBe(samples.length);
  return new Map(samples);
}

describe('a server of two workers', () => {
  let server: Running;
  beforeAll(async () => (server = await startServer()));

  test('workers share a port and answer in turn; a scrape of one says the figures of all', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => ask(`${server.url}/commands`, delay)),
    );
    expect(statuses.map((answer) => answer?.status)).toEqual(statuses.map(() => 202));
    const workers = childrenOf(server.process.pid);
    expect(workers).toHaveLength(2);
    await until(() => answering(server).size === workers.length);
    expect([...answering(server)].sort()).toEqual([...workers].sort());
    const post = 'fencepost_http_requests_total{method="POST",route="/commands",status="202"}';
    for (let i = 0; i < 2; i++) {
      const samples = await scrape(server.url);
      expect(samples.get(post)).toBe(20);
      // A figure of Redis counts once, however many servers report it.
      expect(samples.get('fencepost_commands{status="PENDING"}')).toBe(20);
      expect(samples.get('fencepost_redis_up')).toBe(1);
    }
  });

  test('a worker that dies is replaced, and meanwhile another one answers', async () => {
    const before = childrenOf(server.process.pid);
    process.kill(before[0] as number, 'SIGKILL');
    await server.process.waitForLine(/a worker ended by itself/);
    await until(() => childrenOf(server.process.pid).length === 2);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(`${server.url}/health`)));
    expect(answers.map((answer) => answer?.status)).toEqual(answers.map(() => 200));
    const [stayed, ...others] = childrenOf(server.process.pid).filter((pid) => before.includes(pid));
    expect([stayed, others]).toEqual([before[1], []]);
    // The new one takes its turn once it listens.
    await until(async () => {
      await ask(`${server.url}/stats`);
      return [...answering(server)].some((pid) => !before.includes(pid));
    });
  });

  // Last: it ends the server.
  test('SIGTERM lets an answer that is held be given, and ends all of them', async () => {
    const { text = '' } = (await ask(`${server.url}/commands`, delay)) ?? {};
    const { commandId } = JSON.parse(text) as { commandId: string };
    const held = ask(`${server.url}/commands/${commandId}?wait=30`);
    await until(async () => ((await scrape(server.url)).get('fencepost_http_waiting_requests') ?? 0) === 1);
    const workers = childrenOf(server.process.pid);
    server.process.kill('SIGTERM');
    expect(await held).toMatchObject({ status: 200 });
    expect(await server.process.exited).toEqual({ code: 0, signal: null });
    expect(workers.filter(isAlive)).toEqual([]);
  });
});

test('none of them outlives the process that started them', async () => {
  const server = await startServer();
  const workers = childrenOf(server.process.pid);
  server.process.kill('SIGKILL');
  await server.process.exited;
  await until(() => workers.every((pid) => !isAlive(pid)));
});

test('what keeps a server from starting is said once', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const env = {
    PORT: String((other.address() as AddressInfo).port),
    SERVER_WORKERS: '3',
    REDIS_URL: redis.url,
  };
  const server = startProcess(['dist/server/main.js'], { env: { ...env, LOG_PRETTY: 'false' } });
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.output.match(/^port \d+ on 127\.0\.0\.1 is in use/gm)).toHaveLength(1);
  other.close();
});
