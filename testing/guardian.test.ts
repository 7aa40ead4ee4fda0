import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { repositoryRoot } from './redis-server.js';

/** A process that starts a child that would stay, and prints its id; then it waits for a signal or the end of input. */
const parentOf = (guarded: boolean) => `
  const { spawn } = require('node:child_process');
  const { guard } = require('./dist/testing/guardian.js');
  // Its output is the parent's: as long as that is open, the child lives.
  const child = spawn('sleep', ['600'], { stdio: ['ignore', 'inherit', 'ignore'] });
  if (${guarded}) guard(child);
  console.log(child.pid);
  child.once('exit', () => console.log('it ended'));
  process.stdin.resume();
`;

async function start(guarded: boolean) {
  const parent = spawn(process.execPath, ['-e', parentOf(guarded)], { cwd: repositoryRoot });
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  return { parent, child: Number(await next()), next };
}

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'a guarded process ends with the one that started it, which ends by %s',
  async (signal) => {
    const { parent } = await start(true);
    parent.kill(signal);
    // Closed by both: the child holds its parent's output.
    expect(await once(parent, 'close')).toEqual([null, signal]);
  },
);

test('a process without a guardian stays', async () => {
  const { parent, child } = await start(false);
  const closed = once(parent, 'close');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  expect(process.kill(child, 'SIGKILL')).toBe(true);
  await closed;
});

test('a guarded process that ends by itself takes its guardian along', async () => {
  const { parent, child, next } = await start(true);
  process.kill(child, 'SIGKILL');
  expect(await next()).toBe('it ended');
  // Nothing but standard input keeps it: neither the child nor a guardian.
  parent.stdin.end();
  expect(await once(parent, 'close')).toEqual([0, null]);
});
