import { accessSettings, checkAccess } from '../../shared/client/access-settings.js';
import { addressesOf, type ServerAddress } from '../../shared/client/credentials.js';
import { type ClientOptions } from '../../shared/client/client.js';
import { ConfigError, type Config, loadConfig } from '../../shared/runtime/config.js';
import { sharedSettings } from '../../shared/runtime/settings.js';
import { liveStack, resolveRedisUrl } from '../../shared/runtime/stack-file.js';

/** Variables, also from `.env`, that locate Fencepost. */
const settings = {
  redisUrl: sharedSettings.redisUrl,
  dataDir: sharedSettings.dataDir,
  ...accessSettings,
} as const;

const usualServerUrl = 'http://127.0.0.1:3000';

export interface Whereabouts {
  /** The servers, any of which will do, with the credentials of this caller. */
  readonly servers: Required<Pick<ClientOptions, 'url'>> & Pick<ClientOptions, 'token' | 'headers'>;
  /** The first of them, as doctor asks it. */
  readonly server: ServerAddress;
  readonly redisUrl: string;
}

/**
 * Where Fencepost is: by flag, else by variable, else that of a running `npm start`, else the usual place.
 *
 * @throws ConfigError when a variable is wrong
 */
export function resolveWhereabouts(flags: { readonly server?: readonly string[] | undefined }): Whereabouts {
  const config: Config<typeof settings> = loadConfig('fencepost', settings, { argv: [] });
  const { token, headers } = config;
  const url = flags.server ?? config.serverUrls ?? [liveStack(config.dataDir)?.serverUrl ?? usualServerUrl];
  const faults = checkAccess({ serverUrls: [...url], token, headers });
  if (faults.length > 0) throw new ConfigError(faults);
  const [server] = addressesOf(url, { token, headers });
  if (!server) throw new Error('there is always a server');
  return { servers: { url, token, headers }, server, redisUrl: resolveRedisUrl(config) };
}
