import { spawn, type ChildProcess } from 'node:child_process';

/** Waits for a line, which means that all is well; when its input closes without one, kills the given process. */
const untilToldOrAlone = 'read -r _ || kill -9 "$1"';

/**
 * Ensures that a child process does not outlive this one, however this one ends: SIGKILL included, and Jest's
 * workers, whose tests get a copy of `process` that never emits `exit`. A process that outlives a test keeps
 * its inherited streams open, and a reader that waits for their end waits for ever.
 */
export function guard(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const guardian = spawn('/bin/sh', ['-c', untilToldOrAlone, 'guardian', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A group of its own: the Ctrl-C that ends this process is not for it.
    detached: true,
  });
  guardian.unref();
  // A process that ended the guardian has ended the test as well.
  guardian.once('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  child.once('exit', () => guardian.stdin.end('\n'));
}
