import { z } from 'zod';
import { indexSchema } from '../../../shared/protocol/api.js';
import { version } from '../../../shared/runtime/version.js';
import { example } from '../examples.js';
import { type Answer, type Operation } from '../operation.js';

const unchanged: Answer = { description: 'It is what the client has.' };

/** The operations of server/http/status-routes.ts and server/openapi: the API about itself. */
export const aboutOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/',
    id: 'getIndex',
    tag: 'About',
    summary: 'Every endpoint in a line',
    headers: ['If-None-Match'],
    answers: {
      200: {
        description: 'Where to go from here; as a page for whoever prefers `text/html`.',
        schema: indexSchema,
        text: 'text/html',
        examples: example({
          name: 'fencepost',
          version,
          endpoints: { 'GET /health': 'this process answers' },
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
    summary: 'This document, with the command types that agents have announced',
    description: 'While Redis is away: with those that this server knew last.',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: z.record(z.string(), z.unknown()) } },
    withoutRedis: true,
    problems: ['redis_key_broken'],
  },
  {
    method: 'get',
    path: '/docs',
    id: 'getDocs',
    tag: 'About',
    summary: 'This document as pages, from which requests can be sent',
    headers: ['If-None-Match'],
    answers: {
      200: { description: 'HTML.', text: 'text/html', headers: ['ETag'] },
      304: unchanged,
      308: { description: 'From `/docs/`, below which nothing is.', headers: ['Location'] },
    },
    withoutRedis: true,
    problems: [],
  },
  {
    method: 'get',
    path: '/docs/:file',
    id: 'getDocsFile',
    tag: 'About',
    summary: 'What these pages load',
    headers: ['If-None-Match'],
    answers: {
      200: { description: 'A script or a style sheet.', text: '*/*', headers: ['ETag'] },
      304: unchanged,
    },
    withoutRedis: true,
    problems: ['not_found'],
  },
];
