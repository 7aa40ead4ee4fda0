import { extname } from 'node:path';
import { type Request, type Response } from 'express';
import { type Endpoint } from '../http/endpoint.js';
import { Problem } from '../http/problem.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type TypeCatalog } from '../types/type-catalog.js';
import {
  contentSecurityPolicy,
  docsFiles,
  docsPage,
  homePage,
  homePolicy,
  readDocsFile,
} from './docs-files.js';
import { openApiDocument } from './document.js';
import { type DocumentedType } from './submission-schemas.js';

export interface OpenApiRoutesOptions {
  readonly catalog: TypeCatalog;
}

/** The API about itself: the document, and the document as pages. */
export function openApiRoutes({ catalog }: OpenApiRoutesOptions): Endpoint[] {
  const served = new ServedDocument();

  async function sendDocument(_request: Request, response: Response): Promise<void> {
    response.type('application/json').send(served.of(await typesOf(catalog)));
  }

  function sendPage(request: Request, response: Response): void | Promise<void> {
    // The router takes `/docs/` for the same, but what the page names would not be below it.
    if (!request.path.endsWith('/')) return sendFile(response, docsPage);
    response.status(308).location('../docs').end();
  }

  return [
    {
      method: 'get',
      path: '/openapi.json',
      about: 'the OpenAPI 3.1 document of this API, with the command types that agents have announced',
      handle: sendDocument,
    },
    {
      method: 'get',
      path: '/docs',
      about: 'API documentation pages, from which requests can be sent',
      handle: sendPage,
    },
    {
      method: 'get',
      path: '/docs/:file',
      about: 'files that the documentation pages load',
      handle: (request, response) => {
        const name = String(request.params.file);
        if (!docsFiles.includes(name))
          throw new Problem('not_found', 'the pages at /docs have no file of this name');
        return sendFile(response, name);
      },
    },
  ];
}

/** While Redis is away, returns the types that were known last: a reader may need the document to find out why. */
async function typesOf(catalog: OpenApiRoutesOptions['catalog']): Promise<readonly DocumentedType[]> {
  try {
    return await catalog.views();
  } catch (error) {
    if (!(error instanceof RedisUnavailable)) throw error;
    return catalog.known();
  }
}

/** Agents announce their types again and again: the time of it is not in the document. */
const withoutTimes = ({ conflict, ...type }: DocumentedType) => ({
  ...type,
  announcedAt: null,
  versions: conflict?.versions.map((version) => ({ ...version, announcedAt: null })),
});

/** The document as text, made anew only when the types have changed. */
class ServedDocument {
  #types = '';
  #text = '';

  of(types: readonly DocumentedType[]): string {
    const key = JSON.stringify(types.map(withoutTimes));
    if (key !== this.#types || this.#text === '') {
      this.#text = JSON.stringify(openApiDocument(types));
      this.#types = key;
    }
    return this.#text;
  }
}

/** The page at `/`, as HTML. */
export function sendHomePage(response: Response): Promise<void> {
  return sendFile(response, homePage, homePolicy);
}

/** May be kept, and is asked for again each time: after an upgrade the pages fit the server at once. */
async function sendFile(
  response: Response,
  name: string,
  policy: string = contentSecurityPolicy,
): Promise<void> {
  const { body, etag } = await readDocsFile(name);
  response
    .set({ 'Cache-Control': 'no-cache', 'Content-Security-Policy': policy, ETag: etag })
    .type(extname(name))
    .send(body);
}
