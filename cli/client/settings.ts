import { z } from 'zod';
import { type Config, loadConfig, setting } from '../../shared/runtime/config.js';
import { sharedSettings } from '../../shared/runtime/settings.js';
import { liveStack, resolveRedisUrl } from '../../shared/runtime/stack-file.js';

/** What an agent over HTTP takes as well: of several servers, any will do. */
const firstUrlSchema = z
  .string()
  .transform((text) => text.split(',')[0]?.trim() ?? '')
  .pipe(z.url({ protocol: /^https?$/, error: 'must be http://host:port, or https' }));

/** Variables, also from `.env`, that say where Fencepost is. */
const settings = {
  redisUrl: sharedSettings.redisUrl,
  dataDir: sharedSettings.dataDir,
  serverUrl: setting('SERVER_URL', firstUrlSchema.optional(), 'the server'),
} as const;

const usualServerUrl = 'http://127.0.0.1:3000';

export interface Whereabouts {
  readonly serverUrl: string;
  readonly redisUrl: string;
}

/**
 * Where Fencepost is: by flag, else by variable, else that of a running `npm start`, else the usual place.
 *
 * @throws ConfigError when a variable is wrong
 */
export function resolveWhereabouts(flags: { readonly server?: string | undefined }): Whereabouts {
  const config: Config<typeof settings> = loadConfig('fencepost', settings, { argv: [] });
  return {
    serverUrl: flags.server ?? config.serverUrl ?? liveStack(config.dataDir)?.serverUrl ?? usualServerUrl,
    redisUrl: resolveRedisUrl(config),
  };
}
