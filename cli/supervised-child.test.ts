import { z } from 'zod';
import { createLogger } from '../shared/runtime/logger.js';
import { isAlive } from '../shared/runtime/process-identity.js';
import { SupervisedChild, type ChildSpec } from './supervised-child.js';

/** A child that runs `code`, and a record of what the supervisor did. */
function supervise(code: string, more: Partial<ChildSpec> = {}) {
  const pids: number[] = [];
  const restarts: { inMs: number }[] = [];
  let news: () => void = () => undefined;
  const logger = createLogger({
    side: 'stack',
    level: 'warn',
    pretty: false,
    destination: {
      write: (line: string) => {
        const restart = z.object({ inMs: z.number() }).safeParse(JSON.parse(line));
        if (restart.success) restarts.push(restart.data);
        news();
      },
    },
  });
  const spec: ChildSpec = {
    name: 'child',
    command: process.execPath,
    args: ['-e', code],
    output: 'ignore',
    stopMs: 5000,
    lastSignal: 'SIGKILL',
    onStarted: (pid) => pids.push(pid),
    ...more,
  };
  const untilRestarts = async (count: number) => {
    while (restarts.length < count) await new Promise<void>((resolve) => (news = resolve));
  };
  return { child: new SupervisedChild(spec, logger), pids, restarts, untilRestarts };
}

const ready = 'process.send({ ready: true }); setInterval(() => {}, 1000);';

describe('a supervised child', () => {
  test('is ready when it says so, and gone after a stop', async () => {
    const { child, pids } = supervise(ready);
    expect(await child.start()).toBe('ready');
    expect(isAlive(pids[0] ?? 0)).toBe(true);
    await Promise.all([child.stop(), child.stop()]);
    await child.stop();
    expect(isAlive(pids[0] ?? 0)).toBe(false);
  });

  test('that ends with code 1 before it was ready refused, and is not started again', async () => {
    const { child, pids, restarts } = supervise('process.exit(1)');
    expect(await child.start()).toBe('refused');
    await child.stop();
    expect([pids.length, restarts.length]).toEqual([1, 0]);
  });

  test('that cannot be started at all refused', async () => {
    const { child } = supervise('', { command: '/nowhere/program' });
    expect(await child.start()).toBe('refused');
  });

  test('that crashes is started again at once, then after 100 ms, then 200', async () => {
    const { child, pids, restarts, untilRestarts } = supervise('process.exit(2)');
    const outcome = child.start();
    await untilRestarts(3);
    await child.stop();
    expect(restarts.slice(0, 3)).toEqual([{ inMs: 0 }, { inMs: 100 }, { inMs: 200 }]);
    expect(pids).toHaveLength(3);
    expect(await outcome).toBe('stopped');
  });

  test('that was ready once is started again whatever its exit code', async () => {
    const { child, restarts, untilRestarts } = supervise(
      'process.send({ ready: true }, () => process.exit(1))',
    );
    expect(await child.start()).toBe('ready');
    await untilRestarts(1);
    await child.stop();
    expect(restarts[0]).toEqual({ inMs: 0 });
  });

  test('that ignores SIGTERM is killed when its time is up', async () => {
    const deaf = `process.on('SIGTERM', () => {}); ${ready}`;
    const { child, pids } = supervise(deaf, { stopMs: 50 });
    await child.start();
    await child.stop();
    expect(isAlive(pids[0] ?? 0)).toBe(false);
  });
});
