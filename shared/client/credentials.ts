import { shown } from '../runtime/redact.js';
import { parseUrl } from '../runtime/parse-url.js';

/** The caller's identity, for a proxy in front of the servers: Fencepost itself authenticates no caller. */
export interface Credentials {
  /** Sent to each server as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  /** Sent to each server with each request, beside those that the API needs. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A server, and what each request to it carries. */
export interface ServerAddress {
  /** With a slash at its end, and without credentials: it may be shown. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const serverUrlRule =
  'must be http://host:port or https://host:port; a user:password@ before the host must be percent-encoded';
export const tokenRule = 'must be visible ASCII characters, without spaces';

/** Headers that the API sets by itself, and headers that belong to the connection. */
const reserved = new Set([
  ...['accept', 'content-type', 'content-length', 'idempotency-key', 'last-event-id'],
  ...['connection', 'expect', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

export const isToken = (token: string): boolean => /^[\x21-\x7e]+$/.test(token);

/** Returns the fault of a header, or undefined. The value is not shown: it may be a secret. */
export function headerFault(name: string, value: string): string | undefined {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`;
  if (reserved.has(name.toLowerCase())) return `${name} is set by Fencepost itself`;
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return undefined;
  return `the value of ${name} holds characters that a header cannot carry`;
}

/** @returns undefined for what is no URL of a server */
export function parseServerUrl(text: string): ServerAddress | undefined {
  const url = parseUrl(text);
  if (!url) return undefined;
  if (!['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') return undefined;
  try {
    const headers = basicAuth(decodeURIComponent(url.username), decodeURIComponent(url.password));
    [url.username, url.password] = ['', ''];
    return { url: url.href.endsWith('/') ? url.href : `${url.href}/`, headers };
  } catch {
    // A stray `%`.
    return undefined;
  }
}

function basicAuth(user: string, password: string): Record<string, string> {
  if (user === '' && password === '') return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/**
 * Servers with what each of them is sent. Credentials of a URL are for that server alone; a token and headers
 * are for all of them.
 *
 * @throws TypeError that names what is wrong, and shows no secret
 */
export function addressesOf(
  urls: readonly string[],
  { token, headers = {} }: Credentials = {},
): readonly ServerAddress[] {
  if (urls.length === 0) throw new TypeError('url: names no server');
  if (token !== undefined && !isToken(token)) throw new TypeError(`token: ${tokenRule}`);
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) throw new TypeError(`headers: ${fault}`);
  }
  const addresses = urls.map((url) => {
    const address = parseServerUrl(url);
    if (!address) throw new TypeError(`url: ${serverUrlRule}; it is ${shown(url)}`);
    return address;
  });
  const inUrls = addresses.some((address) => address.headers.authorization !== undefined);
  const inHeaders = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if ([inUrls, inHeaders, token !== undefined].filter(Boolean).length > 1) {
    throw new TypeError('give one of a token, user:password@ in the URL, and a header Authorization');
  }
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return addresses.map(({ url, headers: own }) => ({ url, headers: { ...headers, ...own, ...bearer } }));
}
