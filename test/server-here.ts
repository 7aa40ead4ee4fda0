import { join } from 'node:path';
import { loadConfig } from '../shared/runtime/config.js';
import { createLogger } from '../shared/runtime/logger.js';
import { type Deployment } from '../testing/deployment.js';
import { serverSettings } from '../server/config.js';
import { Server } from '../server/server.js';

/**
 * Gives a deployment a server that runs in the test's own process, for tests that need one to be there and do
 * nothing to it: to start a process costs a second of CPU. It ends with the deployment.
 *
 * @param env its settings, by their variables
 * @returns it, for a test that stops it earlier
 */
export async function startServerHere(
  deployment: Deployment,
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const known = new Set(Object.values(serverSettings).map(({ variable }) => variable));
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => known.has(name)));
  const config = loadConfig('a test', serverSettings, {
    argv: [],
    env: { ...own, HOST: '127.0.0.1', PORT: '0' },
    // There is none: a developer's own is not for tests.
    dotenv: join(deployment.dataDir, '.env'),
  });
  const server = new Server({
    ...config,
    redisUrl: deployment.redis.url,
    logger: createLogger({ side: 'server', level: 'silent' }),
  });
  await server.start();
  deployment.useServer(server);
  return server;
}
