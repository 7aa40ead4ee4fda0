import { type Request } from 'express';
import { type Check } from './check.js';
import { Problem } from './problem.js';

/**
 * Refuses requests whose `Host` is not one of this server's, when it is told its names or listens on
 * loopback only. A page of a foreign site whose name suddenly resolves to 127.0.0.1 (DNS rebinding) is
 * of the same origin to its browser: only the name in `Host` gives it away.
 *
 * @param host the address that the server listens on
 * @param names those that it is reached by beside these, if it cannot know: in a container it listens on every
 *   address, and whether its port is published on loopback only is decided outside
 */
export function hostGuard(host: string, names?: readonly string[]): Check {
  const isGuarded = names !== undefined || isLoopbackName(host);
  // Those of loopback always: health checks use them, and no foreign page can be called so.
  const allowed = new Set(['localhost', '127.0.0.1', '[::1]', ...(names ?? [host]).map(nameOf)]);
  return (request) => {
    const { host: given } = request.headers;
    if (given === undefined && request.httpVersion === '1.1') {
      throw new Problem('malformed_http', 'the header Host is missing', {
        errors: [{ field: 'Host', message: 'is required' }],
      });
    }
    if (isGuarded && given !== undefined && !allowed.has(nameOf(given))) {
      throw new Problem('forbidden_origin', `this server is only for ${[...allowed].join(', ')}`, {
        errors: [{ field: 'Host', message: `must be one of ${[...allowed].join(', ')}` }],
      });
    }
  };
}

/** For requests that change something, or hold something: refuses what another site's page sent through a browser. */
export function originGuard(request: Request): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  if (site === 'cross-site') throw foreign('Sec-Fetch-Site', 'must not be cross-site');
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) {
    throw foreign('Origin', 'must be this server itself');
  }
}

function foreign(field: string, message: string): Problem {
  return new Problem('forbidden_origin', `${field} ${message}: pages of other sites may not do this here`, {
    errors: [{ field, message }],
  });
}

/** `localhost:3000` of `http://localhost:3000`. The scheme is left out: a proxy may have ended TLS. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Without the port, in lower case: `[::1]:3000` → `[::1]`; a bare IPv6 address gets its brackets. */
function nameOf(host: string): string {
  const name = host.toLowerCase();
  if (!name.startsWith('[') && name.split(':').length > 2) return `[${name}]`;
  return name.replace(/:\d*$/, '');
}

function isLoopbackName(host: string): boolean {
  const name = nameOf(host);
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
