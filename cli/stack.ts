import { ensureRedisBinary, RedisMissing } from '../shared/runtime/redis-binary.js';
import { standardLog } from '../shared/runtime/log-output.js';
import { resolvePretty, type Logger } from '../shared/runtime/logger.js';
import { redactPasswords } from '../shared/runtime/redact.js';
import { startedAs } from '../shared/runtime/started-as.js';
import { removeStackFile, writeStackFile } from '../shared/runtime/stack-file.js';
import { unusable } from '../shared/store/unusable-redis.js';
import { ChildRecords } from './child-records.js';
import { lockDataDir, type DataDirLock } from './data-dir-lock.js';
import { OwnRedis } from './own-redis.js';
import { nextFreePort, whyNotFree } from './ports.js';
import { untilRedisAnswers } from './redis-answers.js';
import { childEnvironment, serverUrlOf, type StackConfig } from './stack-config.js';
import { StartError } from './start-error.js';
import { type ChildSpec, type StartOutcome } from './supervised-child.js';
import { Supervisor } from './supervisor.js';
import { whereToLook } from './where-to-look.js';

/** Paths of the programs that a stack runs; tests give their own. */
export interface StackPrograms {
  readonly server: string;
  readonly agent: string;
}

export interface StackOptions {
  readonly config: StackConfig;
  /** Arguments of every agent. */
  readonly agentFlags: readonly string[];
  readonly programs: StackPrograms;
  readonly logger: Logger;
}

const defaultRedisPort = 6379;
/** How long an external Redis may take to answer. */
const redisAnswerMs = 5000;
/** How long a child may take to end beyond its grace time; an orphan, which must first notice our death, gets more. */
const marginMs = 2000;
const orphanMarginMs = 5000;

/**
 * Everything behind `npm start`: a Redis unless one is given, the server, the agents. It checks all
 * that it can before it starts anything, and tidies up first what a killed stack of this DATA_DIR left.
 */
export class Stack {
  readonly #options: StackOptions;
  readonly #supervisor: Supervisor;
  readonly #stopped = new AbortController();
  #starting: Promise<StartOutcome> | undefined;
  #lock: DataDirLock | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
    this.#supervisor = new Supervisor(options.logger);
  }

  /**
   * Resolves when all of it is ready, when one of its programs refused its configuration, or when it
   * was stopped meanwhile.
   *
   * @throws StartError
   */
  start(): Promise<StartOutcome> {
    this.#starting = this.#start().catch((error: unknown) => {
      // An error that our own stop caused is no failure to start.
      if (this.#stopped.signal.aborted) return 'stopped';
      throw error;
    });
    return this.#starting;
  }

  /** Stops agents, server and Redis, in this order, and forgets them. Works at any time, also twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#supervisor.stop();
    await this.#starting?.catch(() => undefined);
    await this.#release();
  }

  /** Signals everything, without order, and waits for nothing. */
  kill(): void {
    this.#stopped.abort();
    this.#supervisor.kill();
    if (this.#lock) removeStackFile(this.#options.config.dataDir);
  }

  async #start(): Promise<StartOutcome> {
    const { config, logger } = this.#options;
    const { dataDir } = config;
    this.#lock = await lockDataDir(dataDir);
    const records = new ChildRecords(dataDir);
    await records.endLeftovers(config.graceMs + orphanMarginMs, logger, this.#stopped.signal);
    const redis = new OwnRedis(dataDir);
    const orphanPort = await redis.endOrphan(logger, this.#stopped.signal);
    if (this.#stopped.signal.aborted) return 'stopped';
    await this.#checkPort();

    const redisUrl = config.redisUrl ?? (await this.#startRedis(redis, orphanPort));
    if (redisUrl === undefined) return 'stopped';
    if (config.redisUrl !== undefined) await this.#checkRedis(config.redisUrl);

    const env = childEnvironment(config, redisUrl, resolvePretty(config.logPretty));
    const server = await this.#supervisor.start([this.#serverSpec(env, records)]);
    if (server !== 'ready') return server;
    const serverUrl = serverUrlOf(config);
    writeStackFile(dataDir, { pid: process.pid, redisUrl, serverUrl });
    standardLog.write(whereToLook({ serverUrl, redisUrl, dataDir, agents: config.agents, pid: process.pid }));
    return this.#supervisor.start(this.#agentSpecs(env, records));
  }

  async #checkPort(): Promise<void> {
    const { port, host } = this.#options.config;
    const why = await whyNotFree(port, host);
    if (why === undefined) return;
    const reason = why === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${why})`;
    throw new StartError(
      `PORT ${port} on ${host} ${reason}; choose another: PORT=${port + 1} ${startedAs('start')}`,
    );
  }

  /** Returns its URL, or undefined when it was stopped meanwhile. */
  async #startRedis(redis: OwnRedis, orphanPort: number | undefined): Promise<string | undefined> {
    const { config, logger } = this.#options;
    const binary = await ensureRedisBinary((line) => logger.info(line)).catch((error: unknown) => {
      throw error instanceof RedisMissing ? new StartError(error.message) : error;
    });
    const wanted = config.redisPort ?? orphanPort ?? defaultRedisPort;
    const port = await nextFreePort(wanted);
    if (port !== wanted) logger.warn(`port ${wanted} is in use; Redis uses ${port}`);
    logger.info({ version: binary.version }, `starting Redis: redis-cli -p ${port}`);
    const outcome = await this.#supervisor.start([redis.spec(binary, port)]);
    if (outcome === 'refused') throw new StartError(`Redis refused to start: ${redis.lastWords()}`);
    return outcome === 'ready' ? `redis://127.0.0.1:${port}` : undefined;
  }

  async #checkRedis(redisUrl: string): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(redisAnswerMs)]);
    try {
      await untilRedisAnswers(redisUrl, signal);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const what = unusable(error) ? 'cannot be used' : 'does not answer';
      throw new StartError(redactPasswords(`REDIS_URL ${redisUrl} ${what}: ${why}`));
    }
  }

  #serverSpec(env: NodeJS.ProcessEnv, records: ChildRecords): ChildSpec {
    return this.#nodeSpec('server', [this.#options.programs.server], env, records);
  }

  #agentSpecs(env: NodeJS.ProcessEnv, records: ChildRecords): ChildSpec[] {
    const { config, programs, agentFlags } = this.#options;
    return Array.from({ length: config.agents }, (_, index) => {
      const number = index + 1;
      const agentId = config.agents > 1 && config.agentId ? `${config.agentId}-${number}` : config.agentId;
      const agentEnv = agentId === undefined ? env : { ...env, AGENT_ID: agentId };
      return this.#nodeSpec(`agent ${number}`, [programs.agent, ...agentFlags], agentEnv, records);
    });
  }

  #nodeSpec(name: string, args: readonly string[], env: NodeJS.ProcessEnv, records: ChildRecords): ChildSpec {
    return {
      name,
      command: process.execPath,
      args,
      env,
      output: 'inherit',
      stopMs: this.#options.config.graceMs + marginMs,
      lastSignal: 'SIGKILL',
      onStarted: (pid) => records.add(name, pid),
      onEnded: () => records.remove(name),
    };
  }

  async #release(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    if (!lock) return;
    // Not before we had the lock: without it, these are another stack's.
    removeStackFile(this.#options.config.dataDir);
    await lock.release();
  }
}
