import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Every request that reaches a Redis, as its MONITOR reports it.
 *
 * Over a connection of its own: ioredis takes what comes in one piece with the answer to MONITOR for
 * answers to requests that it never sent, and fails.
 */
export class RedisMonitor {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * @param path Redis's socket
   * @param onRequest a request's words, its name in lower case. All that reach Redis once this resolves are told
   */
  static async start(path: string, onRequest: (request: readonly string[]) => void): Promise<RedisMonitor> {
    const socket = connect({ path });
    await once(socket, 'connect');
    let rest = '';
    let isOn: () => void = () => undefined;
    const on = new Promise<void>((resolve) => (isOn = resolve));
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '+OK') isOn();
        else onRequest(wordsIn(line));
      }
    });
    // Redis may be killed while it is watched: then there is nothing more to report.
    socket.on('error', () => undefined);
    socket.write('MONITOR\r\n');
    await on;
    return new RedisMonitor(socket);
  }

  stop(): void {
    this.#socket.destroy();
  }
}

/** `+1795357281.39 [0 unix:/r.sock] "hello" "3"` → `['hello', '3']` */
function wordsIn(line: string): string[] {
  const [name = '', ...args] = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) =>
    word.replace(/\\(["\\])/g, '$1'),
  );
  return [name.toLowerCase(), ...args];
}
