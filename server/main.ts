import { ConfigError } from '../shared/runtime/config.js';
import { errorCode } from '../shared/runtime/error-code.js';
import { Faults, type ServerPoint } from '../shared/runtime/faults.js';
import { outliveOutput, standardError, standardLog } from '../shared/runtime/log-output.js';
import { createLogger, type Logger, logLossesOf } from '../shared/runtime/logger.js';
import { reportReady } from '../shared/runtime/parent.js';
import { stopOnSignals } from '../shared/runtime/shutdown.js';
import { resolveRedisUrl } from '../shared/runtime/stack-file.js';
import { version } from '../shared/runtime/version.js';
import { SchemaVersionError } from '../shared/store/meta.js';
import { UnusableRedisError } from '../shared/store/unusable-redis.js';
import { loadServerConfig, type ServerConfig } from './config.js';
import { Server } from './server.js';
import { BufferedLogOutput } from '../shared/runtime/buffered-log-output.js';
import { WorkerCannotStart, WorkerPool } from './workers/worker-pool.js';
import { answerWithFigures, figuresOfAll, isWorker, stopWithPool } from './workers/worker.js';

/** Returns one line for a fault that the user can fix; '' for the rest, which is a bug and logged with its stack. */
function reasonOf(error: unknown, config: ServerConfig): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return `port ${config.port} on ${config.host} is in use: end what listens there, or set PORT to another (0 takes any)`;
    case 'EACCES':
      return `port ${config.port} may not be used by this user: set PORT to one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${config.host} is no address of this machine: set HOST to one that is`;
    case undefined:
    default:
      return error instanceof SchemaVersionError || error instanceof UnusableRedisError ? error.message : '';
  }
}

function die(error: unknown, config: ServerConfig, logger: Logger): never {
  const reason = reasonOf(error, config);
  if (reason === '') logger.fatal({ err: error }, 'the server cannot start');
  else {
    logger.fatal(reason);
    standardError.write(`${reason}\n`);
  }
  process.exit(1);
}

/** A whole server in this process. */
async function serve(config: ServerConfig): Promise<void> {
  const { logLevel: level, logPretty: pretty } = config;
  const output = new BufferedLogOutput();
  process.once('exit', () => output.flush());
  const logger = createLogger({ side: 'server', level, pretty, destination: output });
  logLossesOf(standardLog, logger);
  const faults = new Faults<ServerPoint>(config, logger);
  const fellowWorkers = isWorker() ? { figuresOfAll, answerWithFigures } : undefined;
  const server = new Server({ ...config, redisUrl: resolveRedisUrl(config), logger, faults, fellowWorkers });
  const end = stopOnSignals(() => server.stop(), config.graceMs + 2000, logger);
  if (isWorker()) stopWithPool(() => end(0));
  try {
    await server.start();
  } catch (error) {
    die(error, config, logger);
  }
  // The server was stopped while it waited for Redis.
  if (server.isStopping()) return;
  if (!isWorker()) logger.info({ url: server.url, version }, `ready: ${server.url}`);
  reportReady({ url: server.url });
}

/** Several whole servers, in processes that share the port. */
async function serveByWorkers(config: ServerConfig): Promise<void> {
  const { logLevel: level, logPretty: pretty, workers, graceMs } = config;
  const logger = createLogger({ side: 'server', level, pretty });
  const pool = new WorkerPool({ program: __filename, workers, graceMs: graceMs + 1000, logger });
  stopOnSignals(() => pool.stop(), graceMs + 2000, logger);
  let url: string;
  try {
    url = await pool.start();
  } catch (error) {
    if (!(error instanceof WorkerCannotStart)) throw error;
    if (pool.isStopping()) return;
    // The worker logged why, unless it was killed.
    if (error.signal !== null) logger.fatal(error.message);
    process.exit(1);
  }
  if (pool.isStopping()) return;
  logger.info({ url, version, workers }, `ready: ${url}`);
  reportReady({ url });
}

function main(config: ServerConfig): Promise<void> {
  if (config.workers === 1) return serve(config);
  return isWorker() ? serve(shareOf(config)) : serveByWorkers(config);
}

/** Connections go to workers in turn, so each has its part of the bounds. */
function shareOf(config: ServerConfig): ServerConfig {
  const part = (bound: number) => Math.ceil(bound / config.workers);
  return {
    ...config,
    maxConnections: part(config.maxConnections),
    maxConnectionsPerPeer: part(config.maxConnectionsPerPeer),
    maxHeld: part(config.maxHeld),
    maxHeldPerPeer: part(config.maxHeldPerPeer),
  };
}

outliveOutput();
try {
  void main(loadServerConfig());
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  standardError.write(`${error.message}\n`);
  process.exitCode = 1;
}
