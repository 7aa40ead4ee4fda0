import { createServer } from 'node:net';
import { errorCode } from '../shared/runtime/error-code.js';

/**
 * Returns why no process could listen there now (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` …), or undefined when
 * one can.
 */
export function whyNotFree(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errorCode(error) ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The first free loopback port from `from` on. */
export async function nextFreePort(from: number): Promise<number> {
  for (let port = from; port <= 65_535; port++) {
    if ((await whyNotFree(port, '127.0.0.1')) === undefined) return port;
  }
  throw new Error(`no free port from ${from} on`);
}
