import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { realpathSync } from 'node:fs';
import { identify, isAlive } from './process-identity.js';

test('a process is alive and known until it ends', async () => {
  const cwd = realpathSync(tmpdir());
  const child = spawn(
    process.execPath,
    ['-e', 'console.log("up"); setInterval(() => {}, 1000)', 'a marker'],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  expect(isAlive(pid)).toBe(true);
  const identity = identify(pid);
  expect(identity?.command).toContain('a marker');
  expect(identity?.startedAt).not.toBe('');
  if (process.platform === 'linux') expect(identity?.cwd).toBe(cwd);
  expect(identify(pid)).toEqual(identity);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(pid)).toBe(false);
  expect(identify(pid)).toBeUndefined();
});
