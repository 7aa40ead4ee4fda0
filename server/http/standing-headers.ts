/**
 * Headers of every answer. No cache keeps it, and a browser neither guesses its type, nor runs or frames it,
 * nor lets another site's page have it as an image, a script or a style sheet. The pages at `/docs` and `/`
 * have a policy of their own in the place of this one.
 */
export const standingHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Frame-Options': 'DENY',
  // For this server's own pages: a request from one of them must show that it is from there (browser-request.ts).
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

export const standingHeaderEntries = Object.entries(standingHeaders);
