import { type OutgoingHttpHeaders } from 'node:http';
import { type Response } from 'express';

/**
 * Answers with JSON, for routes whose time counts: Express's own `json` first looks for settings and
 * headers that are never there.
 */
export function sendJson(
  response: Response,
  status: number,
  body: object,
  headers: Readonly<OutgoingHttpHeaders> = {},
): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
    })
    .end(text);
}
