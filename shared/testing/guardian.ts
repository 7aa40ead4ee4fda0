import { spawn, type ChildProcess } from 'node:child_process';

/** Reads until it is told that all is well; when nobody is left to tell it, ends the process it was given. */
const untilToldOrAlone = 'read -r _ || kill -9 "$1"';

/**
 * Sees to it that a child process does not outlive this one, however this one ends: SIGKILL included, and
 * Jest's workers, whose tests get a copy of `process` that never says `exit`. What outlives a test holds on to
 * what it inherited, and whoever waits for the end of that waits for ever.
 */
export function guard(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const guardian = spawn('/bin/sh', ['-c', untilToldOrAlone, 'guardian', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A group of its own: the Ctrl-C that ends this process is not for it.
    detached: true,
  });
  guardian.unref();
  // Whoever ended it has ended the test.
  guardian.once('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  child.once('exit', () => guardian.stdin.end('\n'));
}
