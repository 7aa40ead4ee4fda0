import { type AddressInfo, createServer, type Server } from 'node:net';
import { commandAt } from '../../testing/resp.js';

/** Starts a stand-in for Redis that reports this version, and knows nothing that came later. */
export async function startOldRedis(version: string): Promise<{ url: string; stop: () => void }> {
  const info = `# Server\r\nredis_version:${version}\r\nloading:0\r\nrole:master\r\n`;
  const replies: Readonly<Record<string, string>> = {
    PING: '+PONG\r\n',
    INFO: `$${info.length}\r\n${info}\r\n`,
  };
  const server: Server = createServer((socket) => {
    let unread = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      for (let one = commandAt(unread, 0); one; one = commandAt(unread, 0)) {
        unread = unread.subarray(one.end);
        const name = (one.value[0] ?? '').toUpperCase();
        socket.write(replies[name] ?? `-ERR unknown command '${name}'\r\n`);
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, stop: () => void server.close() };
}
