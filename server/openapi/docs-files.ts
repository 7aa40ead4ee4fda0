/** Where the pages at `/docs` are: in dist/, beside this file. */
export const docsFolder = __dirname;
export const docsPage = 'docs.html';

/**
 * What that page loads: two of these files are Swagger UI's, and the build puts them here
 * (cli/bootstrap/build.mjs), so that the pages work without the internet and without its package.
 */
export const docsFiles: readonly string[] = ['docs.js', 'swagger-ui-bundle.js', 'swagger-ui.css'];

/**
 * The page loads from this server only, sends requests to it only, and is shown in no frame. Swagger UI
 * has styles in its elements and images in its style sheet.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
