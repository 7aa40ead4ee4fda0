import { type Request } from 'express';

/**
 * Determines whether a browser sent a request, and from which page. A page chooses where its browser sends a
 * request, and little of what is in it: `User-Agent`, `Origin`, `Referer` and `Sec-Fetch-*` are the browser's own,
 * in every request that it sends without a preflight.
 */

/**
 * Whether a browser has sent it. `Sec-Fetch-*` alone is not enough: browsers send it to https and to loopback
 * only, and to `http://box-1:3000` nothing of the kind.
 */
export function isFromBrowser({ headers }: Request): boolean {
  const { 'user-agent': agent = '', 'accept-language': languages = '*' } = headers;
  return (
    headers['sec-fetch-site'] !== undefined ||
    headers['sec-fetch-dest'] !== undefined ||
    headers.origin !== undefined ||
    headers.referer !== undefined ||
    // `fetch` of Node.js and Deno sends `*`.
    languages !== '*' ||
    // PowerShell takes the name of a browser, and is none.
    (agent.startsWith('Mozilla/5.0') && !agent.includes('PowerShell'))
  );
}

/** Whether the browser's headers show that a page of this server has sent it. */
export function isOfOwnPage(request: Request): boolean {
  const { 'sec-fetch-site': site, origin, referer } = request.headers;
  if (site !== undefined) return site === 'same-origin';
  if (origin !== undefined) return isOwnOrigin(origin, request);
  return referer !== undefined && isOwnOrigin(originOf(referer), request);
}

/** Whether an `Origin` is this server's, as whole as it can be known: scheme, name and port. */
export function isOwnOrigin(origin: string, { headers }: Request): boolean {
  const [, scheme, name] = /^(https?):\/\/([^/?#@\s\\]+)$/.exec(origin.toLowerCase()) ?? [];
  if (scheme === undefined || name === undefined || headers.host === undefined) return false;
  // A proxy that terminates TLS reports the outside scheme; without its header, either scheme is possible.
  const forwarded = headers['x-forwarded-proto'];
  const outside = typeof forwarded === 'string' ? forwarded.split(',')[0]?.trim().toLowerCase() : undefined;
  if (outside !== undefined && outside !== scheme) return false;
  return authorityOf(name, scheme) === authorityOf(headers.host.toLowerCase(), scheme);
}

/** A `Host` as an origin has it: without the scheme's own port, and without the dot that ends a full name. */
const authorityOf = (host: string, scheme: string) =>
  host.replace(scheme === 'https' ? /:443$/ : /:80$/, '').replace(/\.(?=:\d+$|$)/, '');

const originOf = (url: string) => /^[a-z]+:\/\/[^/?#]*/i.exec(url)?.[0] ?? '';
