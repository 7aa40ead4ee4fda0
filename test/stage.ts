import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { shaOf } from '../shared/lifecycle/scripts.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { Ledger } from '../testing/ledger.js';
import { type TestProcess } from '../testing/processes.js';
import { requestOf, TcpProxy } from '../testing/tcp-proxy.js';
import { endLeases } from './agent-crash.js';
import { startAgentHere } from './agent-here.js';
import { startServerHere } from './server-here.js';
import { type Trial, until } from './trial.js';

const keys = partitionKeys();

/** A deployment, and in it a queue for each case, which only the case's own agents serve. */
export class Stage implements Trial {
  readonly deployment: Deployment;
  readonly ledger: Ledger;
  readonly clients = new ClientLog();
  readonly redis: Redis;
  readonly #proxies: TcpProxy[] = [];

  readonly #leaseMs: number;

  private constructor(deployment: Deployment, ledger: Ledger, leaseMs: number) {
    this.#leaseMs = leaseMs;
    this.deployment = deployment;
    this.ledger = ledger;
    this.redis = deployment.redis.client();
  }

  static async start(leaseMs: number): Promise<Stage> {
    const env = { LEASE_MS: String(leaseMs), GRACE_MS: '5000' };
    const deployment = await Deployment.start({ env, servers: 0 });
    await startServerHere(deployment, env);
    return new Stage(deployment, await Ledger.start(), leaseMs);
  }

  startAgent(queue: string, name: string, env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    const own = { AGENT_QUEUES: queue, AGENT_ID: `${queue}-${name}` };
    return this.deployment.startAgent({ env: { ...own, ...env } });
  }

  /** The same in the test's own process, for what is not to die. */
  async startAgentHere(queue: string, name: string): Promise<void> {
    await startAgentHere(this.deployment, { queue, agentId: `${queue}-${name}` });
  }

  /** An agent that reaches Redis through a proxy. */
  async startVictim(queue: string): Promise<{ victim: TestProcess; proxy: TcpProxy }> {
    // So that its first read waits there for an entry, instead of finding no stream.
    await this.redis.xgroup('CREATE', keys.stream(queue), group, '0', 'MKSTREAM');
    let starts = 0;
    const proxy = await TcpProxy.start({ path: this.deployment.redis.socket }, ({ request }) => {
      if (requestOf('evalsha', shaOf('start'))(request)) starts++;
    });
    this.#proxies.push(proxy);
    const victim = await this.startAgent(queue, 'victim', { REDIS_URL: proxy.url });
    // The victim looks for commands once, and once more when it has subscribed to hints; from then on it waits
    // in its read.
    await until(() => Promise.resolve(starts >= 2));
    return { proxy, victim };
  }

  /** Everything that a request may change about a command, but its history. */
  async stateOf(queue: string, id: string) {
    const stream = keys.stream(queue);
    const [hash, marker, scheduled, entries, pending] = await Promise.all([
      this.redis.hgetall(keys.command(id)),
      this.redis.get(keys.marker(id)),
      this.redis.zscore(keys.scheduled, id),
      this.redis.xrange(stream, '-', '+'),
      this.redis.xpending(stream, group, '-', '+', 100) as Promise<[entry: string, consumer: string][]>,
    ]);
    const owners = pending.map(([entry, consumer]) => [entry, consumer]);
    return { hash, marker, scheduled, entries, owners };
  }

  /** Lets all leases in a queue run out, and recovery deal with what was being executed there. */
  recover(queue: string): Promise<void> {
    return endLeases(this.redis, this.#leaseMs, queue);
  }

  /** Resolves when the victim's outcome of this command is in its journal. */
  journalled(queue: string, id: string): Promise<void> {
    const journal = join(this.deployment.dataDir, 'agents', `${queue}-victim`, 'outcomes');
    return until(async () => {
      const files = await readdir(journal);
      const texts = await Promise.all(files.map((file) => readFile(join(journal, file), 'latin1')));
      return texts.some((text) => text.includes(id));
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
    await this.deployment.stop();
    await this.ledger.stop();
  }
}
