import { createLogger } from './logger.js';
import { Loop, pause } from './service.js';

const silent = createLogger({ side: 'server', level: 'silent', pretty: false });

/** Resolves at the nth call of `hit`. */
function countdown(n: number) {
  let hits = 0;
  let done: () => void;
  const reached = new Promise<void>((resolve) => (done = resolve));
  return { reached, hit: () => void (++hits === n && done()) };
}

describe('a loop', () => {
  test('ticks again and again, and never two at a time', async () => {
    const { reached, hit } = countdown(5);
    let running = 0;
    let most = 0;
    const loop = new Loop({
      name: 'test',
      intervalMs: 1,
      logger: silent,
      tick: async () => {
        most = Math.max(most, ++running);
        await pause(3);
        running--;
        hit();
      },
    });
    await loop.start();
    await loop.start();
    await reached;
    await loop.stop();
    expect(most).toBe(1);
    expect(running).toBe(0);
  });

  test('survives a tick that fails, and says so', async () => {
    const { reached, hit } = countdown(3);
    const lines: string[] = [];
    const logger = createLogger({
      side: 'server',
      level: 'info',
      pretty: false,
      destination: { write: (line: string) => void lines.push(line) },
    });
    const tick = () => {
      hit();
      return Promise.reject(new Error('broken'));
    };
    const loop = new Loop({ name: 'recovery', intervalMs: 1, immediately: true, logger, tick });
    await loop.start();
    await reached;
    await loop.stop();
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', msg: 'recovery failed; it goes on' });
  });

  test('stop aborts the tick in flight and waits for it; stopping twice is safe', async () => {
    const begun = countdown(1);
    let ended = false;
    const tick = async (signal: AbortSignal) => {
      begun.hit();
      await pause(60_000, signal);
      ended = true;
    };
    const loop = new Loop({ name: 'test', intervalMs: 60_000, immediately: true, logger: silent, tick });
    await loop.start();
    await begun.reached;
    await Promise.all([loop.stop(), loop.stop()]);
    expect(ended).toBe(true);
    await loop.stop();
  });

  test('stop does not wait for a pause to end, and a stopped loop can start again', async () => {
    const { reached, hit } = countdown(1);
    const tick = () => Promise.resolve(hit());
    const idle = new Loop({ name: 'test', intervalMs: 60_000, logger: silent, tick });
    await idle.start();
    await idle.stop();
    const again = new Loop({ name: 'test', intervalMs: 60_000, immediately: true, logger: silent, tick });
    await again.start();
    await again.stop();
    await again.start();
    await reached;
    await again.stop();
  });
});
