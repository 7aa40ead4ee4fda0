import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { type Request } from 'express';
import { isFromBrowser } from './browser-request.js';
import { type Check } from './middleware-check.js';
import { Problem } from './problem.js';
import { parseUrl } from '../../shared/runtime/parse-url.js';

/**
 * Refuses requests whose `Host` is not one of this server's. A page of a foreign site whose name suddenly
 * resolves to this machine (DNS rebinding) is of the same origin to its browser: only the name in `Host`
 * gives it away.
 *
 * With names, or on loopback, nothing else is a `Host`. Otherwise the server cannot know its names: programs
 * may use any, and browsers those that no foreign site can have.
 *
 * @param host the address that the server listens on
 * @param names those that it is reached by beside these, if it cannot know: in a container it listens on every
 *   address, and whether its port is published on loopback only is decided outside
 */
export function hostGuard(host: string, names?: readonly string[]): Check {
  const isGuarded = names !== undefined || isLoopbackName(host);
  // Loopback names are always allowed: health checks use them, and no foreign page can have such a name.
  const allowed = new Set(['localhost', '127.0.0.1', '[::1]', ...(names ?? [host]).map(nameOf)]);
  return (request) => {
    const { host: given } = request.headers;
    if (given === undefined) return;
    const name = nameOf(given);
    if (allowed.has(name)) return;
    if (isGuarded) throw foreignHost(allowed, '');
    if (isFromBrowser(request) && !cannotBeRebound(name)) {
      throw foreignHost(allowed, '; a name that browsers are to use belongs in ALLOWED_HOSTS');
    }
  };
}

function foreignHost(allowed: ReadonlySet<string>, advice: string): Problem {
  const names = [...allowed].join(', ');
  return new Problem('forbidden_origin', `this server is only for ${names}${advice}`, {
    errors: [{ field: 'Host', message: `must be one of ${names}` }],
  });
}

/**
 * Addresses, this machine's own name, and names without a dot or with a suffix that the public DNS does not
 * have: the owner of a foreign site decides about none of them.
 */
function cannotBeRebound(name: string): boolean {
  if (name.startsWith('[') || isIP(name) !== 0 || !name.includes('.')) return true;
  return name === hostname().toLowerCase() || /\.(localhost|local|internal|lan|home\.arpa|test)$/.test(name);
}

/** Drops the port and the final dot, in lower case: `[::1]:3000` → `[::1]`; a bare IPv6 address gets its brackets. */
function nameOf(host: string): string {
  const name = host.toLowerCase();
  if (!name.startsWith('[') && name.split(':').length > 2) return `[${name}]`;
  return name.replace(/:\d*$/, '').replace(/\.$/, '');
}

function isLoopbackName(host: string): boolean {
  const name = nameOf(host);
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Refuses a request whose head two programs may read differently: what a proxy in front of this server
 * decided about one request must not let another one in.
 */
export function checkHead(request: Request): void {
  const { host, 'transfer-encoding': coding } = request.headers;
  if (host === undefined && request.httpVersion === '1.1') throw badHost('is missing', 'is required');
  if (isGivenTwice('host', request.rawHeaders)) throw badHost('is given twice', 'must be given once');
  // Any other form than that of a path names a host itself (RFC 9112, section 3.2.2).
  if (!request.url.startsWith('/') && request.url !== '*' && !isTargetOf(request.url, host)) {
    throw badHost("does not name the target's host", 'must be the host of the request target');
  }
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw badCoding(coding);
}

const badHost = (what: string, message: string) =>
  new Problem('malformed_http', `the header Host ${what}`, { errors: [{ field: 'Host', message }] });

/** Where such a body ends is a matter of opinion: nothing more is read from its connection. */
function badCoding(coding: string): Problem {
  const isRepeated = coding.split(',').every((one) => one.trim().toLowerCase() === 'chunked');
  const [code, what] = isRepeated
    ? (['malformed_http', 'is given twice'] as const)
    : (['not_implemented', 'names another coding'] as const);
  return new Problem(code, `the header Transfer-Encoding ${what}: send chunked, or a Content-Length`, {
    errors: [{ field: 'Transfer-Encoding', message: 'must be chunked, once' }],
    headers: { Connection: 'close' },
  });
}

/** @param raw names and values in turn, as they came: Node's `headers` has the first of two that differ */
function isGivenTwice(name: string, raw: readonly string[]): boolean {
  let times = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const given = raw[at];
    if (given?.length === name.length && given.toLowerCase() === name) times++;
  }
  return times > 1;
}

function isTargetOf(target: string, host: string | undefined): boolean {
  const named = parseUrl(target);
  const given = named && parseUrl(`${named.protocol}//${host ?? ''}`);
  if (!given) return false;
  const { protocol, username, password } = named;
  return ['http:', 'https:'].includes(protocol) && username + password === '' && named.host === given.host;
}
