import { serverSettings } from '../server/config.js';
import { Server as ControlServer } from '../server/server.js';
import { createLogger, type Logger } from '../shared/runtime/logger.js';
import { readOptions } from './options.js';

/** Options like the variables of `npm run server`; each may be left out. */
export interface ServerOptions {
  /** `redis://127.0.0.1:6379` when left out. */
  readonly redisUrl?: string | undefined;
  /** 3000 when left out; 0 for any that is free, which `url` then has. */
  readonly port?: number | undefined;
  /** 127.0.0.1 when left out. */
  readonly host?: string | undefined;
  /** Names in `Host` that it answers to beside those of loopback. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** How long an idle connection stays open. */
  readonly keepAliveMs?: number | undefined;
  /** Most connections at once, and from one address. */
  readonly maxConnections?: number | undefined;
  readonly maxConnectionsPerPeer?: number | undefined;
  /** Most answers that are held at once, and for one address: waits, polls of agents, and streams of events. */
  readonly maxHeld?: number | undefined;
  readonly maxHeldPerPeer?: number | undefined;
  /** Most PENDING commands. */
  readonly maxBacklog?: number | undefined;
  readonly retentionMs?: number | undefined;
  readonly retentionMax?: number | undefined;
  /** The same for all servers and agents of a deployment. */
  readonly leaseMs?: number | undefined;
  /** How long answers that are under way may take once `stop` was called. */
  readonly graceMs?: number | undefined;
  /** A pino logger. Nothing is logged when left out. */
  readonly logger?: Logger | undefined;
}

/** A control server within another program. */
export interface Server {
  /** Where to reach it. @throws before it listens */
  readonly url: string;
  /** Listens at once, and resolves when Redis is there and the server does its work. Called again, it changes nothing. */
  start(): Promise<void>;
  /** Ends it within `graceMs`: nothing of it is left in this process. It is not started again: make another one. */
  stop(): Promise<void>;
}

const { redisUrl, port, host, allowedHosts, maxBacklog, retentionMs, retentionMax, leaseMs, graceMs } =
  serverSettings;
const { keepAliveMs, maxConnections, maxConnectionsPerPeer, maxHeld, maxHeldPerPeer } = serverSettings;
const settings = {
  ...{ redisUrl, port, host, allowedHosts, maxBacklog, retentionMs, retentionMax, leaseMs, graceMs },
  ...{ keepAliveMs, maxConnections, maxConnectionsPerPeer, maxHeld, maxHeldPerPeer },
} as const;

/** @throws ConfigError with every fault of the options */
export function createServer(options: ServerOptions = {}): Server {
  const config = readOptions('createServer', settings, options, ['logger']);
  const logger = options.logger ?? createLogger({ side: 'server', level: 'silent' });
  return new EmbeddedServer(
    new ControlServer({ ...config, redisUrl: config.redisUrl ?? 'redis://127.0.0.1:6379', logger }),
  );
}

class EmbeddedServer implements Server {
  readonly #server: ControlServer;
  #started: Promise<void> | undefined;

  constructor(server: ControlServer) {
    this.#server = server;
  }

  get url(): string {
    return this.#server.url;
  }

  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    try {
      await this.#server.start();
    } catch (error) {
      // A program ends here; this one goes on, and must not have half a server in it.
      await this.#server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}
