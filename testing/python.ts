import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * `python3`, for the agent in examples/. Installed with apt where there is none and this process may.
 *
 * @throws when there is none in the end; the message has the line that installs it
 */
export async function ensurePython(): Promise<string> {
  if (await hasPython()) return 'python3';
  const isRoot = process.getuid?.() === 0;
  for (const step of ['apt-get update -qq', 'apt-get install -y -qq --no-install-recommends python3']) {
    const [command = '', ...args] = isRoot ? step.split(' ') : ['sudo', '-n', ...step.split(' ')];
    // A failure here shows in the check below.
    await run(command, args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).catch(() => '');
  }
  if (await hasPython()) return 'python3';
  throw new Error('this test runs examples/http_agent.py. Install Python: sudo apt-get install -y python3');
}

const hasPython = () =>
  run('python3', ['--version']).then(
    () => true,
    () => false,
  );
