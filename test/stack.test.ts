import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { identify, isAlive } from '../shared/runtime/process-identity.js';
import { pause } from '../shared/runtime/service.js';
import { readStackFile } from '../shared/runtime/stack-file.js';
import { endProcesses, freePort, startProcess, type TestProcess } from '../testing/processes.js';
import { TestRedis } from '../testing/redis-server.js';

const saidSchema = z.object({
  fake: z.enum(['server', 'agent']),
  what: z.enum(['up', 'stopped']),
  pid: z.int(),
  flags: z.array(z.string()).optional(),
  AGENT_ID: z.string().optional(),
  REDIS_URL: z.string().optional(),
  PORT: z.string().optional(),
  MAX_BACKLOG: z.string().optional(),
  LEASE_MS: z.string().optional(),
});
type Said = z.infer<typeof saidSchema>;

/** Returns the messages of the fakes in `stack-fakes/` so far. */
const said = (stack: TestProcess, what: Said['what']): Said[] =>
  stack.lines
    .filter((line) => line.startsWith('{"fake"'))
    .map((line) => saidSchema.parse(JSON.parse(line)))
    .filter((message) => message.what === what);

const upLine = (fake: Said['fake']) => new RegExp(`"fake":"${fake}","what":"up"`);

describe('npm start', () => {
  let dataDir: string;
  let port: number;
  let redisPort: number;
  const listeners: Server[] = [];

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'fencepost stack-'));
    port = await freePort();
    redisPort = await freePort();
  });

  afterEach(async () => {
    await endProcesses();
    const orphan = redisPid();
    if (orphan !== undefined && isAlive(orphan)) {
      process.kill(orphan, 'SIGKILL');
      await untilNone([orphan]);
    }
    for (const listener of listeners.splice(0)) listener.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  function start(flags: string[] = [], env: Record<string, string> = {}, stdout?: number): TestProcess {
    const ours = { PORT: String(port), REDIS_PORT: String(redisPort), DATA_DIR: dataDir, GRACE_MS: '3000' };
    return startProcess(['test/stack-fakes/stack.mjs', ...flags], {
      env: { ...ours, ...env },
      ownGroup: true,
      ...(stdout === undefined ? {} : { stdout }),
    });
  }

  /** Returns the write end of a pipe that has no reader. */
  function closedPipe(): number {
    const path = join(dataDir, 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, 'r+');
    const writer = openSync(path, 'w');
    closeSync(reader);
    return writer;
  }

  /** Starts it and waits for the server and both agents. */
  async function startFully(flags: string[] = [], env: Record<string, string> = {}): Promise<TestProcess> {
    const stack = start(flags, env);
    await untilUp(stack, 2);
    return stack;
  }

  async function untilUp(stack: TestProcess, agents: number): Promise<void> {
    await stack.waitForLine(/Stop it/);
    for (let from = 0, seen = 0; seen < agents; seen++) {
      const line = await stack.waitForLine(upLine('agent'), { from });
      from = stack.lines.indexOf(line, from) + 1;
    }
  }

  function redisPid(): number | undefined {
    const path = join(dataDir, 'redis.pid');
    return existsSync(path)
      ? z.object({ pid: z.int() }).parse(JSON.parse(readFileSync(path, 'utf8'))).pid
      : undefined;
  }

  /** The fakes and Redis, as they run now. */
  function pidsOf(stack: TestProcess): number[] {
    const redis = redisPid();
    return [...said(stack, 'up').map(({ pid }) => pid), ...(redis === undefined ? [] : [redis])];
  }

  async function listenOn(taken: number): Promise<void> {
    const listener = createServer();
    listeners.push(listener);
    listener.listen(taken, '127.0.0.1');
    await once(listener, 'listening');
  }

  async function withRedis<T>(action: (redis: Redis) => Promise<T>): Promise<T> {
    const redis: Redis = new Redis({ port: redisPort, host: '127.0.0.1' });
    try {
      return await action(redis);
    } finally {
      redis.disconnect();
    }
  }

  test('runs Redis, the server and the agents, and says where to look', async () => {
    const stack = await startFully();
    const serverUrl = `http://127.0.0.1:${port}`;
    const redisUrl = `redis://127.0.0.1:${redisPort}`;
    expect(stack.output).toContain(`curl -s ${serverUrl}/commands`);
    expect(stack.output).toContain(`redis-cli -p ${redisPort}`);
    expect(stack.output).toContain(dataDir);
    expect(readStackFile(dataDir)).toEqual({ pid: stack.pid, redisUrl, serverUrl });
    expect(said(stack, 'up').map(({ REDIS_URL }) => REDIS_URL)).toEqual([redisUrl, redisUrl, redisUrl]);
    expect(said(stack, 'up')[0]).toMatchObject({ PORT: String(port) });
    expect((await fetch(serverUrl)).status).toBe(200);
    const config = await withRedis((redis) => redis.config('GET', 'append*'));
    expect(JSON.stringify(config)).toMatch(/appendfsync","always/);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s stops agents, server and Redis in this order and leaves nothing behind',
    async (signal) => {
      const stack = await startFully();
      const pids = pidsOf(stack);
      expect(pids).toHaveLength(4);
      if (signal === 'SIGINT') stack.killGroup(signal);
      else stack.kill(signal);
      expect(await stack.exited).toEqual({ code: 0, signal: null });
      expect(said(stack, 'stopped').map(({ fake }) => fake)).toEqual(['agent', 'agent', 'server']);
      expect(pids.filter(isAlive)).toEqual([]);
      expect(existsSync(join(dataDir, 'stack.json'))).toBe(false);
      expect(existsSync(join(dataDir, 'redis.pid'))).toBe(false);
    },
  );

  test('output that is closed before it is up stops nothing: it comes up, and stops in good order', async () => {
    const stack = start([], {}, closedPipe());
    // The stack cannot print that it is up; this file appears at the same time.
    while (readStackFile(dataDir) === undefined) await pause(20);
    const redis = redisPid() ?? 0;
    expect(isAlive(redis)).toBe(true);
    stack.kill('SIGTERM');
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(stack.lines).toEqual([]);
    expect(isAlive(redis)).toBe(false);
  });

  test('a SIGINT that npm passes on as an echo of the same Ctrl-C does not count as a second one', async () => {
    const stack = await startFully();
    stack.kill('SIGINT');
    stack.kill('SIGINT');
    stack.kill('SIGTERM');
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(said(stack, 'stopped')).toHaveLength(3);
  });

  test('a second signal ends everything at once', async () => {
    const stack = await startFully(['--deaf'], { GRACE_MS: '60000' });
    const pids = pidsOf(stack);
    stack.kill('SIGTERM');
    await stack.waitForLine(/SIGTERM: stopping/);
    // One that comes within half a second would be taken for npm's echo.
    const again = setInterval(() => stack.kill('SIGTERM'), 100);
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    clearInterval(again);
    await untilNone(pids);
  });

  test('a child that does not stop in its grace time is killed', async () => {
    const stack = await startFully(['--deaf'], { GRACE_MS: '0' });
    const pids = pidsOf(stack);
    stack.kill('SIGTERM');
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(stack.output).toMatch(/agent 1 did not stop in 2000 ms: SIGKILL/);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('stopped before it is up, it leaves nothing behind', async () => {
    const stack = start();
    await stack.waitForLine(/starting Redis/);
    stack.kill('SIGTERM');
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(redisPid()).toBeUndefined();
  });

  test('starts again what crashes: the server, an agent, Redis', async () => {
    const stack = await startFully();
    for (const fake of ['server', 'agent'] as const) {
      const from = stack.lines.length;
      process.kill(said(stack, 'up').find((message) => message.fake === fake)?.pid ?? 0, 'SIGKILL');
      await stack.waitForLine(upLine(fake), { from });
    }
    await withRedis(async (redis) => {
      await redis.set('kept', 'yes');
      process.kill(redisPid() ?? 0, 'SIGKILL');
      await stack.waitForLine(/redis ended; restarting/);
      expect(await redis.get('kept')).toBe('yes');
    });
    stack.kill('SIGTERM');
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    await untilNone(pidsOf(stack));
  });

  test('after a SIGKILL, the next start waits for its children, stops its Redis and goes on with the data', async () => {
    const lingers = join(dataDir, 'lingers');
    const first = await startFully([], { FAKE_SERVER_LINGERS_WHILE: lingers });
    writeFileSync(lingers, '');
    await withRedis((redis) => redis.set('kept', 'yes'));
    const orphan = redisPid() ?? 0;
    const oldServer = said(first, 'up').find(({ fake }) => fake === 'server')?.pid ?? 0;
    first.kill('SIGKILL');
    const second = start();
    await second.waitForLine(new RegExp(`waiting for the server \\(pid ${oldServer}\\)`));
    rmSync(lingers);
    await untilUp(second, 2);
    expect(second.output).toContain(`stopping the Redis (pid ${orphan}, port ${redisPort})`);
    expect([orphan, oldServer].filter(isAlive)).toEqual([]);
    expect(redisPid()).not.toBe(orphan);
    expect(await withRedis((redis) => redis.get('kept'))).toBe('yes');
    second.kill('SIGTERM');
    await second.exited;
  });

  test('a pid file that names a stranger does the stranger no harm', async () => {
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', cwd: tmpdir() });
    const pid = stranger.pid ?? 0;
    try {
      const startedAt = identify(pid)?.startedAt ?? '';
      const record = { pid, startedAt, port: redisPort, dir: join(dataDir, 'redis') };
      writeFileSync(join(dataDir, 'redis.pid'), JSON.stringify(record));
      const another = { pid, startedAt: 'another time' };
      writeFileSync(join(dataDir, 'children.json'), JSON.stringify({ server: another }));
      const stack = await startFully();
      expect(isAlive(pid)).toBe(true);
      stack.kill('SIGTERM');
      await stack.exited;
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('refuses a DATA_DIR that another one uses, and names it', async () => {
    const first = await startFully();
    const second = start([], { PORT: String(await freePort()) });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.lines).toEqual([`DATA_DIR ${dataDir} is in use by another npm start, pid ${first.pid}`]);
    expect(readStackFile(dataDir)?.pid).toBe(first.pid);
  });

  test('refuses a DATA_DIR that cannot be written', async () => {
    const file = join(dataDir, 'file');
    writeFileSync(file, '');
    const stack = start([], { DATA_DIR: join(file, 'data') });
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    expect(stack.lines).toEqual([`DATA_DIR ${file}/data cannot be written (ENOTDIR)`]);
  });

  test('refuses a PORT that is in use, before it starts anything', async () => {
    await listenOn(port);
    const stack = start();
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    expect(stack.lines).toEqual([
      `PORT ${port} on 127.0.0.1 is in use; choose another: PORT=${port + 1} npm start`,
    ]);
    expect(redisPid()).toBeUndefined();
  });

  test('lists every fault of its configuration', async () => {
    const stack = start(['--porrt=1', '--agents=many']);
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    expect(stack.lines).toEqual([
      'unknown flag --porrt, did you mean --port?',
      '--agents: must be a whole number from 0 to 1000, but is "many"',
    ]);
  });

  test('--help prints its settings and starts nothing', async () => {
    const stack = start(['--help']);
    expect(await stack.exited).toEqual({ code: 0, signal: null });
    expect(stack.output).toMatch(/--redis-port +REDIS_PORT +port of its own Redis/);
    expect(existsSync(join(dataDir, 'stack.lock'))).toBe(false);
  });

  test('an agent that refuses its configuration stops everything', async () => {
    const stack = start(['--refuse']);
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    expect(stack.output).toContain('unknown flag --refuse');
    expect(stack.lines.at(-1)).toMatch(/^A program refused to start/);
    expect(said(stack, 'stopped').map(({ fake }) => fake)).toEqual(['server']);
    expect(redisPid()).toBeUndefined();
  });

  test('hands flags that it does not know to the agents, and settings to all', async () => {
    const stack = await startFully(
      ['--random-failures', '--kill-after', '5', '--lease-ms=2000', '--max-backlog=7'],
      { AGENT_ID: 'worker' },
    );
    const [server, ...agents] = said(stack, 'up');
    expect(server).toMatchObject({ fake: 'server', MAX_BACKLOG: '7' });
    expect(agents.map(({ AGENT_ID }) => AGENT_ID).sort()).toEqual(['worker-1', 'worker-2']);
    for (const agent of agents) {
      expect(agent).toMatchObject({ flags: ['--random-failures', '--kill-after', '5'], LEASE_MS: '2000' });
    }
  });

  test('one agent alone gets AGENT_ID as it is', async () => {
    const stack = start([], { AGENT_ID: 'worker', AGENTS: '1' });
    await untilUp(stack, 1);
    expect(said(stack, 'up').at(-1)).toMatchObject({ fake: 'agent', AGENT_ID: 'worker' });
  });

  test('takes the next free port for its Redis, and says so', async () => {
    await listenOn(redisPort);
    const stack = await startFully();
    const given = Number(new URL(readStackFile(dataDir)?.redisUrl ?? '').port);
    expect(given).toBeGreaterThan(redisPort);
    expect(stack.output).toContain(`port ${redisPort} is in use; Redis uses ${given}`);
  });

  test('uses the Redis of REDIS_URL instead of its own', async () => {
    const redis = await TestRedis.start();
    try {
      const stack = await startFully([], { REDIS_URL: redis.url });
      expect(said(stack, 'up').map(({ REDIS_URL }) => REDIS_URL)).toEqual([redis.url, redis.url, redis.url]);
      expect(stack.output).toContain(`redis-cli -s ${redis.socket}`);
      expect(redisPid()).toBeUndefined();
      stack.kill('SIGTERM');
      expect(await stack.exited).toEqual({ code: 0, signal: null });
    } finally {
      await redis.stop();
    }
  });

  test('refuses a REDIS_URL that does not answer, without its password', async () => {
    const stack = start([], { REDIS_URL: `redis://me:s3cr3t@127.0.0.1:${redisPort}` });
    expect(await stack.exited).toEqual({ code: 1, signal: null });
    expect(stack.lines).toEqual([
      `REDIS_URL redis://me:***@127.0.0.1:${redisPort} does not answer: connect ECONNREFUSED 127.0.0.1:${redisPort}`,
    ]);
  });
});

/** For processes that are not children of this one, which is not notified of their end. */
async function untilNone(pids: number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 10));
}
