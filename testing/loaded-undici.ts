import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Agent, request } from 'undici';

/**
 * Makes undici load its parser. undici requires it with its first connection, and Jest refuses that between two tests: a
 * test that is `concurrent` may be there just then.
 */
export async function loadUndici(): Promise<void> {
  const server = createServer((_, answer) => answer.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dispatcher = new Agent();
  const { port } = server.address() as AddressInfo;
  const { body } = await request(`http://127.0.0.1:${port}/`, { dispatcher });
  await body.dump();
  await dispatcher.destroy();
  server.close();
}
