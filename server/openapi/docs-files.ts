import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const docsPage = 'docs.html';
/** The page at `/`, for browsers. */
export const homePage = 'home.html';

/**
 * The files that these pages load. Two of them are Swagger UI's, and the build puts them beside this one
 * (cli/bootstrap/build.mjs), so that the pages work without the internet and without its package.
 */
export const docsFiles: readonly string[] = ['docs.js', 'home.css', 'swagger-ui-bundle.js', 'swagger-ui.css'];

export interface DocsFile {
  readonly body: Buffer;
  /** A hash of the content: the same wherever and whenever the file was built. */
  readonly etag: string;
}

const known = new Map<string, DocsFile>();

/** Read once: they do not change while a server runs. */
export async function readDocsFile(name: string): Promise<DocsFile> {
  const file = known.get(name) ?? fileOf(await readFile(join(__dirname, name)));
  known.set(name, file);
  return file;
}

const fileOf = (body: Buffer): DocsFile => ({
  body,
  etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
});

/**
 * The page loads from this server only, sends requests to it only, and is shown in no frame. Swagger UI
 * has images in its style sheet.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The page at `/` has no script, and loads its style sheet. */
export const homePolicy = [
  "default-src 'none'",
  "style-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
