import { z } from 'zod';
import { indexSchema } from '../../../shared/protocol/api.js';
import { version } from '../../../shared/runtime/version.js';
import { example } from '../examples.js';
import { type Answer, type Operation } from '../operation.js';

const unchanged: Answer = { description: 'Not modified.' };

/** The operations of server/status/status-routes.ts and server/openapi: the API about itself. */
export const aboutOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/',
    id: 'getIndex',
    tag: 'About',
    summary: 'List endpoints',
    headers: ['If-None-Match'],
    answers: {
      200: {
        description:
          'The endpoints, each with a short description; an HTML page if the client prefers `text/html`.',
        schema: indexSchema,
        text: 'text/html',
        examples: example({
          name: 'fencepost',
          version,
          endpoints: { 'GET /health': 'liveness: this process answers' },
        }),
      },
      304: unchanged,
    },
    withoutRedis: true,
    problems: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'About',
    summary: 'Get this document, with the command types that agents have announced',
    description: 'While Redis is away, the document has the command types that this server knew last.',
    answers: { 200: { description: 'The OpenAPI 3.1 document.', schema: z.record(z.string(), z.unknown()) } },
    withoutRedis: true,
    problems: ['redis_key_broken'],
  },
  {
    method: 'get',
    path: '/docs',
    id: 'getDocs',
    tag: 'About',
    summary: 'API documentation pages, from which requests can be sent',
    headers: ['If-None-Match'],
    answers: {
      200: { description: 'An HTML page.', text: 'text/html', headers: ['ETag'] },
      304: unchanged,
      308: { description: 'Redirect from `/docs/` to `/docs`.', headers: ['Location'] },
    },
    withoutRedis: true,
    problems: [],
  },
  {
    method: 'get',
    path: '/docs/:file',
    id: 'getDocsFile',
    tag: 'About',
    summary: 'Files that the documentation pages load',
    headers: ['If-None-Match'],
    answers: {
      200: { description: 'A script or a style sheet.', text: '*/*', headers: ['ETag'] },
      304: unchanged,
    },
    withoutRedis: true,
    problems: ['not_found'],
  },
];
