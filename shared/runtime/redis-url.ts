import { parseUrl } from './parse-url.js';

/** Where a Redis is and who signs in there, as ioredis takes it. */
export type RedisAddress =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly username?: string;
      readonly password?: string;
      /** 0 if the URL names none. */
      readonly db: number;
      readonly tls?: Readonly<Record<string, never>>;
    };

/** The parsed URL, or its fault: for people, and without any part of the URL, which may be a password. */
export type RedisUrlReading = { readonly address: RedisAddress } | { readonly fault: string };

const rule = 'must be redis://host:port, rediss://host:port or unix:///path/to.sock';
const fault = (what: string): RedisUrlReading => ({ fault: `${rule}; this one ${what}` });

/**
 * Reads `redis://[user[:password]@]host[:port][/database]`, the same with TLS (`rediss:`), or
 * `unix:///path`, which is taken as it is written. Every part of the URL is used, or refused: nothing
 * in it is ignored silently.
 */
export function readRedisUrl(text: string): RedisUrlReading {
  const url = text.trim();
  // The parser of URLs drops these, and so would change a password.
  if (/[\u0000-\u001f\u007f]/.test(url)) return fault('holds a control character, such as a line break');
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase();
  if (scheme === 'unix:') return readSocket(url);
  if (scheme !== 'redis:' && scheme !== 'rediss:') return { fault: rule };
  const parsed = parseUrl(url);
  if (!parsed) {
    return fault(
      'is no URL: in a user name or password write / ? # @ : [ ] and % as %2F %3F %23 %40 %3A %5B %5D %25',
    );
  }
  return readHost(parsed, url);
}

function readSocket(url: string): RedisUrlReading {
  if (/^unix:\/\/\/./i.test(url)) return { address: { path: url.slice('unix://'.length) } };
  // A parser finds neither host nor path in `unix:/path`; the client would connect to the Redis of this machine.
  return { fault: rule };
}

function readHost(
  { protocol, hostname, port, pathname, username, password }: URL,
  url: string,
): RedisUrlReading {
  if (hostname === '') return { fault: rule };
  if (/[?#]/.test(url)) {
    return fault('has a ? or #: what follows would not be read; in a user name or password write %3F or %23');
  }
  if (hostname.includes('%'))
    return fault('has a host that is no plain name: write an international one as xn--…');
  if (port === '0') return fault('has port 0');
  if (!/^(\/\d{0,9})?$/.test(pathname))
    return fault('has something else than the number of a database behind the host');
  const credentials = { username: decoded(username), password: decoded(password) };
  for (const [name, value] of Object.entries(credentials)) {
    if (value === undefined)
      return fault(`has a % in its ${name} that begins no character: write a plain % as %25`);
  }
  return {
    address: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 6379 : Number(port),
      ...(credentials.username ? { username: credentials.username } : {}),
      // A user without a password signs in with an empty one.
      ...(credentials.password || credentials.username ? { password: credentials.password ?? '' } : {}),
      db: Number(pathname.slice(1)),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the address in a URL that was validated when the configuration was read.
 *
 * @throws Error that names the fault, without any part of the URL
 */
export function redisAddress(url: string): RedisAddress {
  const reading = readRedisUrl(url);
  if ('fault' in reading) throw new Error(`the URL of Redis ${reading.fault}`);
  return reading.address;
}
