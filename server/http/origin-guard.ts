import { type Request } from 'express';
import { isFromBrowser, isOfOwnPage, isOwnOrigin } from './browser-request.js';
import { Problem } from './problem.js';

/**
 * Three guards against pages of other sites, which send requests through the browsers of their visitors
 * (docs/decisions/0013-browsers-must-show-their-page.md). They cannot read the answers. Programs, curl
 * among them, pass all three.
 */

/** For every request: one from a foreign page is answered only when a person follows its link. */
export function embeddingGuard(request: Request): void {
  const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': target } = request.headers;
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  const isLink = request.method === 'GET' && mode === 'navigate' && target === 'document';
  if (!isLink) throw foreignSite();
}

/** For requests that change something, or hold something: refuses one that a foreign page sent, by its headers. */
export function originGuard(request: Request): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreignSite();
  if (origin !== undefined && !isOwnOrigin(origin, request)) {
    throw foreign('Origin', 'must be this server itself');
  }
}

/**
 * For requests that change something and that a browser sends without a preflight (`<img>`, a form, a link,
 * `fetch` with `no-cors`): a browser must show that they come from a page of this server. The absence of signs of
 * a foreign page is not enough, since browsers may give a plain http server no signs at all.
 */
export function ownPageGuard(request: Request): void {
  if (!isFromBrowser(request) || isOfOwnPage(request)) return;
  throw new Problem(
    'forbidden_origin',
    'a browser sent this, and not from a page of this server: User-Agent, Accept-Language, Referer, Origin and Sec-Fetch-* are looked at. A program leaves them out',
    {
      errors: [{ field: 'User-Agent', message: 'must not be a browser, unless a page of this server asks' }],
    },
  );
}

const foreignSite = () => foreign('Sec-Fetch-Site', 'must be same-origin');

function foreign(field: string, message: string): Problem {
  return new Problem('forbidden_origin', `${field} ${message}: pages of other sites may not do this here`, {
    errors: [{ field, message }],
  });
}
