import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { type OnAgentLost } from '../../shared/protocol/commands.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { pause } from '../../shared/runtime/service.js';
import { ClientLog } from '../../testing/client-log.js';
import { Deployment, untilReady } from '../../testing/deployment.js';
import { Ledger } from '../../testing/ledger.js';
import { repositoryRoot, type TestProcess } from '../../testing/processes.js';
import { unlessAborted } from '../contestant.js';
import { type Fate, type Kill, whatFollowed } from './kill.js';
import { StatusWatch } from './status-watch.js';
import { longMs } from './work.js';
import { workType } from './work-type.js';

export interface FencepostKillsOptions {
  /** How many commands the agent executes when it is killed: as many as it may. */
  readonly inFlight: number;
  readonly leaseMs: number;
}

interface Parts {
  readonly deployment: Deployment;
  readonly ledger: Ledger;
  readonly redis: Redis;
  readonly watch: StatusWatch;
}

/** Fencepost with one server, whose agent is killed again and again. */
export class FencepostKills {
  readonly #options: FencepostKillsOptions;
  readonly #parts: Parts;
  readonly #clients = new ClientLog();
  /** The one that is killed next, when it has come back from the last kill. */
  #agent: TestProcess | undefined;

  private constructor(options: FencepostKillsOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
  }

  static async start(options: FencepostKillsOptions): Promise<FencepostKills> {
    const ledger = await Ledger.start();
    const deployment = await Deployment.start({
      redisConfig: { 'auto-aof-rewrite-percentage': '0' },
      env: {
        LEASE_MS: String(options.leaseMs),
        AGENT_CONCURRENCY: String(options.inFlight),
        AGENT_COMMANDS: join(repositoryRoot, 'dist/bench/recovery/work-type.js'),
        LOG_LEVEL: 'warn',
      },
    });
    const watch = await StatusWatch.open(deployment.redis.client());
    return new FencepostKills(options, { deployment, ledger, watch, redis: deployment.redis.client() });
  }

  /** @throws when it takes longer than two leases and a minute, or `signal` is aborted */
  async kill(fate: Fate, onAgentLost: OnAgentLost, signal: AbortSignal): Promise<Kill> {
    const deadline = AbortSignal.timeout(2 * this.#options.leaseMs + 60_000);
    return unlessAborted(AbortSignal.any([signal, deadline]), this.#kill(fate, onAgentLost));
  }

  async #kill(fate: Fate, onAgentLost: OnAgentLost): Promise<Kill> {
    const { ledger, watch, deployment } = this.#parts;
    const victim = this.#agent ?? (await this.#startAgent('victim'));
    await untilReady(victim);
    if (fate === 'gone') await this.#untilRecoveryActs();

    const hitsBefore = ledger.hits().length;
    const inFlight = await this.#submit(this.#options.inFlight, longMs, onAgentLost);
    await ledger.waitForHits(hitsBefore + inFlight.length);
    // Not earlier: it would have taken its share of them.
    const heir = fate === 'gone' ? await this.#startAgent('heir') : undefined;
    if (heir) await untilReady(heir);

    const settled = watch.reached(inFlight, onAgentLost === 'fail' ? 'FAILED' : 'PENDING');
    const atMs = Date.now();
    victim.kill('SIGKILL');
    const restarted = heir ? undefined : victim.exited.then(() => this.#startAgent('victim'));
    const [next = ''] = await this.#submit(1, 0, 'fail');
    const settledAtMs = await settled;
    this.#agent = await restarted;

    // The commands that are executed again, and the next one, have to end first.
    await deployment.settled(this.#clients.accepted().size);
    heir?.kill('SIGTERM');
    await heir?.exited;
    return whatFollowed({ atMs, settledAtMs, inFlight, next }, ledger.hits().slice(hitsBefore));
  }

  /** @throws when any invariant was broken since the start */
  async check(): Promise<void> {
    const { deployment, ledger } = this.#parts;
    const { violations } = await deployment.judge({ clients: this.#clients, ledger });
    if (violations.length > 0) {
      throw new Error(`invariants were broken: ${JSON.stringify(violations.slice(0, 5), null, 2)}`);
    }
  }

  async stop(): Promise<void> {
    await this.#parts.deployment.stop();
    await this.#parts.ledger.stop();
  }

  #startAgent(agentId: string): Promise<TestProcess> {
    return this.#parts.deployment.startAgent({ env: { AGENT_ID: agentId }, dontWait: true });
  }

  async #submit(count: number, ms: number, onAgentLost: OnAgentLost): Promise<readonly string[]> {
    const { deployment, ledger } = this.#parts;
    const command = { type: workType, payload: { url: ledger.url, ms }, onAgentLost };
    const commands = Array.from({ length: count }, () => command);
    const { outcome, ids, refusal } = await this.#clients.submitBatch(deployment.url, commands);
    if (outcome !== 'accepted') throw new Error(`a batch was not accepted: ${refusal ?? outcome}`);
    return ids;
  }

  /** Waits out the first lease of a Redis, in which no agent is declared lost: it is no part of what is measured. */
  async #untilRecoveryActs(): Promise<void> {
    const { redis } = this.#parts;
    const holdUntil = Number((await redis.hget(partitionKeys().recovery, 'holdUntil')) ?? 0);
    await pause(Math.max(0, holdUntil - Date.now()));
  }
}
