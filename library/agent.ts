import { z } from 'zod';
import { type Agent as CoreAgent } from '../agent/agent.js';
import { assembleAgent } from '../agent/assembly.js';
import { agentSettings, checkTransport } from '../agent/config.js';
import { type Reach } from '../agent/connect.js';
import { type CommandRegistry } from '../agent/command-registry.js';
import { type CommandType } from '../agent/commands/command-type.js';
import { takeDataDirectory } from '../agent/data-directory.js';
import { type Journal } from '../agent/journal.js';
import { checkAccess } from '../shared/client/access-settings.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger, type Logger } from '../shared/runtime/logger.js';
import { sharedSettings } from '../shared/runtime/settings.js';
import { type AnyCommandType, readCommands, registryOf } from './commands.js';
import { readOptions } from './options.js';

/** Options like the variables of `npm run agent`; all but `commands` may be left out. */
export interface AgentOptions {
  /** The command types that it executes, made with `defineCommand`. */
  readonly commands: readonly AnyCommandType[];
  /** Execute DELAY and HTTP_GET_JSON, too. */
  readonly builtInCommands?: boolean | undefined;
  /** The Redis that it works on; `redis://127.0.0.1:6379` when left out, unless there is a `serverUrl`. */
  readonly redisUrl?: string | undefined;
  /** Instead of Redis: one server or several, of which any will do. */
  readonly serverUrl?: string | readonly string[] | undefined;
  /** With `serverUrl`: sent to each server as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  /** With `serverUrl`: sent to each server with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Most commands that it executes at once; 1 when left out. */
  readonly concurrency?: number | undefined;
  /** Most important first (`a`, `b`), or by weight (`a:6`, `b:3`); `default` when left out. */
  readonly queues?: readonly string[] | undefined;
  /**
   * Where its name and its journal are kept, below `agents/`; `./data` when left out. It must outlive the
   * process: from it the next run reports what this one had finished.
   */
  readonly dataDir?: string | undefined;
  /** The name of the agent; kept in its data directory when left out. */
  readonly agentId?: string | undefined;
  /** The same for all servers and agents of a deployment. */
  readonly leaseMs?: number | undefined;
  /** How long `stop` waits for what is running; and how long a handler may ignore its abort signal. */
  readonly graceMs?: number | undefined;
  /** How long a command may block this thread without losing its lease. */
  readonly maxBlockMs?: number | undefined;
  /** With `serverUrl`: most ms between two polls after one that failed. */
  readonly pollIntervalMs?: number | undefined;
  /** A pino logger. Nothing is logged when left out. */
  readonly logger?: Logger | undefined;
  /**
   * Called when the agent can no longer work: its name was taken over, its thread died, its journal cannot be written,
   * or a handler ignores its abort signal. By then it stops by itself. Such a handler goes on in this process, while
   * the lost-agent policy may let another attempt begin: a program whose attempts must never overlap ends its process
   * here, as `npm run agent` does.
   */
  readonly onFatal?: ((reason: string) => void) | undefined;
  /**
   * When code blocks this thread and must stop, since another attempt may begin: end this process by
   * SIGKILL, as `npm run agent` does. False when left out: then it is only logged.
   */
  readonly allowProcessKill?: boolean | undefined;
}

/** An agent within another program. */
export interface Agent {
  /** The name of the agent. @throws before it was started */
  readonly agentId: string;
  /**
   * Resolves when it is registered, has settled what its last run left, and fetches. While Redis is away
   * it waits. Called again, it changes nothing; called while the agent stops, it starts anew after that.
   *
   * @throws AgentIdTakenError, DataDirectoryUnavailableError
   */
  start(): Promise<void>;
  /**
   * Fetches nothing more, finishes what runs within `graceMs`, and releases its name. What still runs
   * then is aborted, and left to the lost-agent policy. Started again, it is a new session.
   */
  stop(): Promise<void>;
}

const { agentId, concurrency, queues, serverUrls, token, headers, pollIntervalMs } = agentSettings;
const { redisUrl, dataDir, leaseMs, graceMs, maxBlockMs } = sharedSettings;
const settings = {
  ...{ agentId, concurrency, queues, serverUrl: serverUrls, token, headers, pollIntervalMs },
  ...{ redisUrl, dataDir, leaseMs, graceMs, maxBlockMs },
} as const;
const ownOptions = ['commands', 'builtInCommands', 'logger', 'onFatal', 'allowProcessKill'];

/** @throws ConfigError with every fault of the options, InvalidCommandModuleError for a command type that is none, or has no JSON Schema */
export function createAgent(options: AgentOptions): Agent {
  return new EmbeddedAgent(options);
}

/** One run, from a start to a stop. */
interface Run {
  /** The core of the agent, once it could be made. */
  readonly core: Promise<CoreAgent>;
  readonly started: Promise<void>;
}

class EmbeddedAgent implements Agent {
  readonly #options: AgentOptions;
  readonly #types: readonly CommandType[];
  readonly #config;
  readonly #logger: Logger;
  #agentId: string | undefined;
  #run: Run | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const given = { ...options, headers: headersText(options.headers) };
    this.#config = readOptions('createAgent', settings, given, ownOptions, (config) => [
      ...(config.redisUrl !== undefined && config.serverUrl ? ['give redisUrl or serverUrl, not both'] : []),
      ...checkAccess({ ...config, serverUrls: config.serverUrl }),
      ...checkTransport({ ...config, transport: config.serverUrl ? 'http' : 'redis' }),
    ]);
    this.#types = readCommands(options.commands, options.builtInCommands ?? false);
    this.#logger = options.logger ?? createLogger({ side: 'agent', level: 'silent' });
  }

  get agentId(): string {
    if (this.#agentId === undefined) throw new Error('an agent has its name from its start on');
    return this.#agentId;
  }

  start(): Promise<void> {
    // Both runs need the data directory, and a caller may start an agent again while it still stops.
    if (this.#stopping) return this.#stopping.then(() => this.start());
    this.#run ??= this.#begin();
    return this.#run.started;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopRun().finally(() => (this.#stopping = undefined));
    return this.#stopping;
  }

  async #stopRun(): Promise<void> {
    const run = this.#run;
    // A core that could not be made has left nothing.
    const core = await run?.core.catch(() => undefined);
    await core?.stop();
    await run?.started.catch(() => undefined);
    if (this.#run === run) this.#run = undefined;
  }

  #begin(): Run {
    const core = this.#assemble();
    return { core, started: this.#startCore(core) };
  }

  async #startCore(core: Promise<CoreAgent>): Promise<void> {
    try {
      await core;
    } catch (error) {
      this.#run = undefined;
      throw error;
    }
    const agent = await core;
    try {
      await agent.start();
    } catch (error) {
      await agent.stop();
      this.#run = undefined;
      throw error;
    }
  }

  async #assemble(): Promise<CoreAgent> {
    const { dataDir, agentId } = this.#config;
    const registry = await registryOf(this.#types, this.#options.builtInCommands ?? false);
    const journal = await takeDataDirectory(dataDir, agentId);
    try {
      return this.#assembleWith(journal, registry);
    } catch (error) {
      // An agent that was never made is not stopped either: free the directory for the next start.
      await journal.close();
      throw error;
    }
  }

  #assembleWith(journal: Journal, registry: CommandRegistry): CoreAgent {
    const { allowProcessKill: mayKill = false } = this.#options;
    const { concurrency, queues, leaseMs, graceMs, maxBlockMs } = this.#config;
    this.#agentId = journal.identity.agentId;
    const logger = this.#logger.child({ agentId: this.#agentId });
    for (const warning of journal.warnings) logger.warn(warning);
    const { level } = logger;
    return assembleAgent({
      reach: this.#reach(),
      ...{ journal, registry, queues, concurrency, leaseMs, graceMs, maxBlockMs, mayKill, logger },
      faults: noFaults,
      leaseRenewerLog: {
        logger: { level: levelSchema.parse(level), pretty: false },
        onLog: (line) => writeLine(logger, line),
      },
      onFatal: (reason) => this.#end(reason, logger),
    });
  }

  #reach(): Reach {
    const { redisUrl = 'redis://127.0.0.1:6379', serverUrl, token, headers, pollIntervalMs } = this.#config;
    if (serverUrl)
      return { transport: 'http', serverUrls: serverUrl, credentials: { token, headers }, pollIntervalMs };
    return { transport: 'redis', redisUrl };
  }

  #end(reason: string, logger: Logger): void {
    logger.fatal(`${reason}; this agent stops`);
    this.stop().catch((error: unknown) => logger.error({ err: error }, 'shutdown failed'));
    this.#options.onFatal?.(reason);
  }
}

/** Formats headers as the variable has them: one per line. */
const headersText = (headers: AgentOptions['headers']) =>
  headers &&
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');

/** A logger may have levels of its own: then the thread forwards every line, and the logger decides. */
const levelSchema = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).catch('trace');
const lineSchema = z.looseObject({ level: levelSchema, msg: z.string().default('') });

/** A line of the lease renewer's thread, through the logger of this one. */
function writeLine(logger: Logger, line: string): void {
  const { level, msg, ...fields } = lineSchema.parse(JSON.parse(line));
  // Each line of the logger has these fields already.
  for (const name of ['time', 'pid', 'hostname', 'side', 'agentId']) delete fields[name];
  logger[level](fields, msg);
}
