import { type OutgoingHttpHeaders } from 'node:http';
import { type Response } from 'express';

/**
 * Answers with JSON, in one write to the socket. Express's own `json` looks for settings and headers
 * that are never there, which costs a submission more than checking it does.
 */
export function answer(
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
