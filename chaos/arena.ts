import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { partsOfField } from '../shared/protocol/type-digest.js';
import { pause } from '../shared/runtime/service.js';
import { typesKey } from '../shared/store/keys.js';
import { type AgentTransport, Deployment } from '../testing/deployment.js';
import { HttpProxy } from '../testing/http-proxy.js';
import { type HitSource, remoteLedger } from '../testing/ledger.js';
import { freePort, repositoryRoot, startProcess, type TestProcess } from '../testing/processes.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { type Actor, type ActorEvents, AgentActor, ServerActor } from './actor.js';
import { HttpLine, type Line, RedisLine } from './lines.js';
import { ownType, queues } from './load.js';
import { readPending } from './pending.js';
import { type Schedule } from './schedule.js';
import { type WireTally } from './wire-tally.js';

export interface ArenaOptions {
  readonly agents: readonly AgentTransport[];
  readonly servers: number;
  readonly leaseMs: number;
  readonly retentionMs: number;
  readonly schedule: Schedule;
  readonly tally: WireTally;
  readonly events: ActorEvents;
}

const agentConcurrency = 4;
/** Shorter than the longest command, so that an agent that is stopped does not finish everything. */
const graceMs = 1000;
/** The agents get a command type of the harness's own, in the way that users add theirs. */
const commands = { AGENT_COMMANDS: join(repositoryRoot, 'chaos/commands/steps.mjs') };
/** Agents announce their types before they do anything else. */
const longestAnnouncingMs = 30_000;

/** Everything that a round hurts: real processes on loopback, each behind a proxy of its own. */
export class Arena {
  readonly deployment: Deployment;
  readonly ledger: HitSource;
  readonly servers: ServerActor[] = [];
  readonly agents: AgentActor[] = [];
  /** The harness's own connection, which bypasses all proxies. */
  readonly redis: Redis;
  /** Whether a fault of Redis itself is active. */
  redisTaken = false;
  readonly #ledgerProcess: TestProcess;

  private constructor(deployment: Deployment, ledgerProcess: TestProcess, ledgerUrl: string) {
    this.deployment = deployment;
    this.ledger = remoteLedger(ledgerUrl);
    this.#ledgerProcess = ledgerProcess;
    this.redis = deployment.redis.client({ retryStrategy: () => 20, maxRetriesPerRequest: null });
  }

  static async start(options: ArenaOptions): Promise<Arena> {
    const ledger = startProcess(['dist/testing/ledger-main.js'], { ownGroup: true });
    const url = await ledger.waitForLine(/^http/);
    const env = { LEASE_MS: String(options.leaseMs), RETENTION_MS: String(options.retentionMs) };
    const deployment = await Deployment.start({
      servers: 0,
      ownGroup: true,
      // Processes reach Redis through proxies, and the proxies by its socket: no port that it could lose while
      // it is down.
      redisConfig: { port: '0' },
      env: { GRACE_MS: String(graceMs), ...env, AGENT_CONCURRENCY: String(agentConcurrency) },
    });
    const arena = new Arena(deployment, ledger, url);
    try {
      await arena.#people(options);
    } catch (error) {
      await arena.stop();
      throw error;
    }
    return arena;
  }

  /**
   * Resolves when all processes do their work. The caller must look after processes that are armed to freeze
   * before that.
   */
  async ready(): Promise<void> {
    await Promise.all(this.actors.map(({ ready }) => ready));
    const deadline = performance.now() + longestAnnouncingMs;
    // An agent that was armed to die may have died before it announced its types, and is started again.
    while (!(await this.#knows(ownType))) {
      if (performance.now() > deadline) throw new Error(`no agent has announced ${ownType}`);
      await pause(50);
    }
  }

  /**
   * Whether an agent has announced the type. Servers learn of it when a client uses it: none of them has looked
   * before.
   */
  async #knows(type: string): Promise<boolean> {
    const fields = await this.redis.hkeys(typesKey);
    return fields.some((field) => partsOfField(field).type === type);
  }

  get actors(): readonly Actor[] {
    return [...this.servers, ...this.agents];
  }

  get lines(): readonly { readonly line: Line; readonly actor: Actor }[] {
    return this.actors.flatMap((actor) => actor.lines.map((line) => ({ line, actor })));
  }

  /** Commands delivered to an agent and not acknowledged, or with a request under way at a server. */
  inFlightAt(actor: Actor): Promise<readonly string[]> {
    return actor instanceof ServerActor ? Promise.resolve(actor.underWay) : this.pending(actor.identity);
  }

  /** Commands delivered to one agent, or to all, and not acknowledged. */
  pending(agentId = ''): Promise<readonly string[]> {
    return readPending(this.redis, queues, agentId);
  }

  /** Ends everything, and deletes its data. */
  async stop(): Promise<void> {
    this.redis.disconnect();
    for (const actor of this.actors) actor.taken = true;
    await this.deployment.stop();
    await Promise.all(this.lines.map(({ line }) => line.stop()));
    this.#ledgerProcess.kill('SIGKILL');
    await this.#ledgerProcess.exited;
  }

  async #people({ agents, servers, schedule, tally, events }: ArenaOptions): Promise<void> {
    const { deployment } = this;
    const toRedis = () =>
      TcpProxy.start({ path: deployment.redis.socket }, (exchange) => tally.see(exchange));
    for (let i = 1; i <= servers; i++) {
      const [name, proxy] = [`server-${i}`, await toRedis()];
      const lines = [
        new RedisLine(`${name} → Redis`, proxy, ['submit', 'start', 'report', 'renew', 'progress']),
      ];
      const own = { REDIS_URL: proxy.url };
      const about = { name, deployment, schedule, env: own, lines, events };
      this.servers.push(new ServerActor(await freePort(), about));
    }
    for (const [i, transport] of agents.entries()) {
      const name = `agent-${i + 1}`;
      const about = { name, deployment, schedule, events };
      const served = { ...(knowsOwnType(i) ? commands : {}), AGENT_QUEUES: queuesOf(i) };
      if (transport === 'redis') {
        const proxy = await toRedis();
        const calls = ['start', 'report_and_start', 'report', 'renew', 'progress'] as const;
        const lines = [new RedisLine(`${name} → Redis`, proxy, calls)];
        const own = { ...served, REDIS_URL: proxy.url };
        this.agents.push(new AgentActor(transport, { ...about, env: own, lines }));
        continue;
      }
      const lines = await Promise.all(
        this.servers.map(async (server) => {
          return new HttpLine(`${name} → ${server.name}`, await HttpProxy.start(server.url));
        }),
      );
      // Each agent begins with another server.
      const urls = lines.map(({ url }) => url);
      const first = i % Math.max(1, urls.length);
      const own = { ...served, SERVER_URL: [...urls.slice(first), ...urls.slice(0, first)].join(',') };
      this.agents.push(new AgentActor(transport, { ...about, env: own, lines }));
    }
    await Promise.all(this.actors.map((actor) => actor.start()));
  }
}

/** Two of four, one on each transport, know the built-in types alone: other commands they meet go to a lane. */
const knowsOwnType = (agent: number) => agent % 4 < 2;

/** Two of four, one on each transport, serve the queues strictly in their order, and two by weight. */
function queuesOf(agent: number): string {
  if (agent % 4 < 2) return queues.join(',');
  return queues.map((queue, i) => `${queue}:${2 ** (queues.length - i)}`).join(',');
}
