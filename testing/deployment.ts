import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { type Client, createClient } from '../shared/client/client.js';
import { pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { judge, type JudgeOptions, type Report } from './invariants.js';
import { freePort, startProcess, type TestProcess } from './processes.js';
import { TestRedis } from './redis-server.js';

export type AgentTransport = 'redis' | 'http';

export interface DeploymentOptions {
  /** How many of each to start at once; one server, no agent when left out. */
  readonly servers?: number;
  readonly agents?: number;
  /** How agents reach Fencepost; `redis` when left out. */
  readonly transport?: AgentTransport;
  /** For every server and agent. */
  readonly env?: Readonly<Record<string, string>>;
  /** More `redis.conf` directives. */
  readonly redisConfig?: Readonly<Record<string, string>>;
  /** More environment for Redis itself. */
  readonly redisEnv?: Readonly<Record<string, string>>;
  /** Each process in a group of its own: a Ctrl-C in the terminal is for the process that started them. */
  readonly ownGroup?: boolean;
}

export interface ServerProcess {
  readonly process: TestProcess;
  readonly url: string;
  readonly port: number;
}

/** An agent without a process of its own. */
export interface AgentHere {
  stop(): Promise<void>;
}

/** A server without a process of its own. */
export interface ServerHere extends AgentHere {
  readonly url: string;
}

export interface AgentStart {
  /** Flags, for example `--crash-at=start-won`. */
  readonly args?: readonly string[];
  /** The directory of another version, which is built there; this one when left out. */
  readonly version?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** The deployment's when left out. */
  readonly transport?: AgentTransport | undefined;
  /** Resolve as soon as the process was started, not when it is ready: for one that will crash. */
  readonly dontWait?: boolean;
  /** A file descriptor for its log. */
  readonly stdout?: number;
}

/** A Fencepost of real processes on a private Redis: what tests kill pieces of. */
export class Deployment {
  readonly redis: TestRedis;
  readonly dataDir: string;
  readonly servers: ServerProcess[] = [];
  readonly agents: TestProcess[] = [];
  /** All of them, also those that a test has taken out of its lists. */
  readonly #processes: TestProcess[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #client: Redis;
  readonly #clients = new Map<string, Client>();
  readonly #transport: AgentTransport;
  readonly #ownGroup: boolean;
  #serverHere: ServerHere | undefined;
  readonly #agentsHere: AgentHere[] = [];

  private constructor(
    redis: TestRedis,
    dataDir: string,
    { env = {}, transport = 'redis', ownGroup = false }: DeploymentOptions,
  ) {
    this.redis = redis;
    this.dataDir = dataDir;
    this.#env = { LOG_LEVEL: 'info', LOG_PRETTY: 'false', REDIS_URL: redis.url, DATA_DIR: dataDir, ...env };
    this.#client = redis.client();
    this.#transport = transport;
    this.#ownGroup = ownGroup;
  }

  static async start(options: DeploymentOptions = {}): Promise<Deployment> {
    const { servers = 1, agents = 0, redisConfig = {}, redisEnv = {}, ownGroup = false } = options;
    const redis = await TestRedis.start({
      port: await freePort(),
      // The append-only file keeps its whole past, for the history checker.
      config: { 'aof-disable-auto-gc': 'yes', ...redisConfig },
      env: redisEnv,
      ownGroup,
    });
    const dataDir = await mkdtemp(join(tmpdir(), 'fencepost-data-'));
    const deployment = new Deployment(redis, dataDir, options);
    try {
      await Promise.all(Array.from({ length: servers }, () => deployment.startServer()));
      await Promise.all(Array.from({ length: agents }, () => deployment.startAgent()));
    } catch (error) {
      await deployment.stop();
      throw error;
    }
    return deployment;
  }

  /** The URLs of all servers. */
  get urls(): string[] {
    return [...this.servers, ...(this.#serverHere ? [this.#serverHere] : [])].map(({ url }) => url);
  }

  /** The first server's. */
  get url(): string {
    const [url] = this.urls;
    if (url === undefined) throw new Error('no server was started');
    return url;
  }

  /** Has a server that runs in the test's own process, until `stop()`: `startServerHere` in `test/`. */
  useServer(server: ServerHere): void {
    this.#serverHere = server;
  }

  /** Has an agent that runs in the test's own process, until `stop()`: `startAgentHere` in `test/`. */
  useAgent(agent: AgentHere): void {
    this.#agentsHere.push(agent);
  }

  /** @param port to come back on the port of one that was killed */
  async startServer({
    args = [],
    version = '',
    env = {},
    dontWait = false,
    port,
    stdout,
  }: AgentStart & { port?: number | undefined } = {}): Promise<ServerProcess> {
    const ownPort = port ?? (await freePort());
    const process = startProcess([join(version, 'dist/server/main.js'), ...args], {
      env: { ...this.#env, HOST: '127.0.0.1', PORT: String(ownPort), ...env },
      ipc: true,
      ownGroup: this.#ownGroup,
      ...(stdout === undefined ? {} : { stdout }),
    });
    this.#processes.push(process);
    const server = { process, url: `http://127.0.0.1:${ownPort}`, port: ownPort };
    this.servers.push(server);
    if (!dontWait) await untilReady(process);
    return server;
  }

  async startAgent({
    args = [],
    version = '',
    env = {},
    transport = this.#transport,
    dontWait = false,
    stdout,
  }: AgentStart = {}): Promise<TestProcess> {
    const reach = transport === 'http' ? this.#overHttp() : {};
    const agent = startProcess([join(version, 'dist/agent/main.js'), ...args], {
      env: { ...this.#env, ...reach, ...env },
      ipc: true,
      ownGroup: this.#ownGroup,
      ...(stdout === undefined ? {} : { stdout }),
    });
    this.#processes.push(agent);
    this.agents.push(agent);
    if (!dontWait) await untilReady(agent);
    return agent;
  }

  /** Everything that was ever started, the dead included. */
  get processes(): readonly TestProcess[] {
    return this.#processes;
  }

  /** Names every server, the next first each time; and no Redis: an agent that tries to reach one fails. */
  #overHttp(): Record<string, string> {
    const { urls } = this;
    const first = this.#processes.length % Math.max(1, urls.length);
    const inTurn = [...urls.slice(first), ...urls.slice(0, first)];
    const redisUrl = 'redis://127.0.0.1:1';
    return {
      AGENT_TRANSPORT: 'http',
      SERVER_URL: inTurn.join(','),
      POLL_INTERVAL: '200',
      REDIS_URL: redisUrl,
    };
  }

  /**
   * A client of the first server, for information and not as evidence: it retries by itself what was not
   * answered. Requests that the history checker must know of go through a `ClientLog`.
   */
  get client(): Client {
    const { url } = this;
    const client = this.#clients.get(url) ?? createClient({ url });
    this.#clients.set(url, client);
    return client;
  }

  /** Asks the first server, again while it answers 503. @returns the body of its answer, of any other status */
  async get(path: string): Promise<unknown> {
    for (;;) {
      const answer = await fetch(new URL(path, this.url));
      const body: unknown = await answer.json();
      if (answer.status !== 503) return body;
      await pause(50);
    }
  }

  /**
   * Resolves when no command is PENDING or RUNNING. Reads the counts after each event, and every half
   * second, since an event may be lost with a connection.
   *
   * @param submitted how many commands there must be in all, when some may not have arrived yet
   */
  async settled(submitted = 0): Promise<void> {
    const keys = partitionKeys();
    const subscriber = this.redis.client();
    await subscriber.subscribe(keys.events);
    try {
      for (;;) {
        // While Redis is away nothing has settled.
        const counts = await this.#client.hgetall(keys.counts).catch(() => unreadable);
        const of = (status: string) => Number(counts[status] ?? 0);
        const ended = of('COMPLETED') + of('FAILED');
        if (of('PENDING') + of('RUNNING') === 0 && ended >= submitted) return;
        await once(subscriber, 'message', { signal: AbortSignal.timeout(500) }).catch(() => undefined);
      }
    } finally {
      subscriber.disconnect();
    }
  }

  /** Checks the run, which must have come to rest, against all eight invariants. */
  judge(options: Omit<JudgeOptions, 'aof' | 'redis' | 'settleMs'> & { settleMs?: number }): Promise<Report> {
    const aof = join(this.redis.directory, 'appendonlydir');
    return judge({ settleMs: 200, ...options, aof, redis: this.#client });
  }

  /** Ends everything of this deployment, and deletes its data: other deployments may run beside it. */
  async stop(): Promise<void> {
    for (const process of this.#processes) process.kill('SIGKILL');
    await Promise.all(this.#processes.map(({ exited }) => exited));
    await Promise.all(this.#agentsHere.map((agent) => agent.stop()));
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    await this.#serverHere?.stop();
    await this.redis.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const unreadable: Record<string, string> = { PENDING: '1' };

/** Resolves when a server or agent reports that it does its work. Rejects when it ends without. */
export async function untilReady(process: TestProcess): Promise<void> {
  await process.waitForMessage(isReady);
}

function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'ready' in message;
}
