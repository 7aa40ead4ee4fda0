import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runLine } from './command-line.js';

/** The script that a shell is given to complete lines, and what bash makes of it. */

it('completes a line in bash', async () => {
  const script = (await runLine(['completion', 'bash'])).stdout;
  const complete = async (...words: readonly string[]) => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const line = `eval "$SCRIPT"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _fencepost; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: process.env.PATH, SCRIPT: script };
    return (await promisify(execFile)('bash', ['--norc', '-c', line], { env })).stdout.trim().split('\n');
  };
  expect(await complete('fencepost', 'wa')).toEqual(['wait', 'watch']);
  expect(await complete('fencepost', 'queues', 'p')).toEqual(['pause']);
  expect(await complete('fencepost', 'list', '--st')).toEqual(['--status']);
  expect(await complete('fencepost', 'list', '--status', 'F')).toEqual(['FAILED']);
  expect(await complete('fencepost', 'list', '--json', '--status', '')).toEqual([
    'PENDING',
    'RUNNING',
    'COMPLETED',
    'FAILED',
  ]);
  expect(await complete('fencepost', 'completion', '')).toEqual(
    expect.arrayContaining(['bash', 'zsh', 'fish']),
  );
  expect(await complete('fencepost', 'submit', '--file', '/etc/host')).toContain('/etc/hosts');
  expect(await complete('fencepost', '')).toEqual(expect.arrayContaining(['submit', 'doctor', 'help']));
  const { stdout } = await promisify(execFile)(
    'bash',
    ['--norc', '-c', 'eval "$SCRIPT"; complete -p fencepost'],
    {
      env: { PATH: process.env.PATH, SCRIPT: script },
    },
  );
  expect(stdout).toBe('complete -F _fencepost fencepost\n');
});

it('asks a server for types, queues and agents, and is silent without one', async () => {
  const script = (await runLine(['completion', 'bash'])).stdout;
  const complete = async (...words: readonly string[]) => {
    const fake = `fencepost() { [ "$1" = names ] && printf '%s\\n' "A_$2" "B_$2"; }`;
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const line = `${fake}; eval "$SCRIPT"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _fencepost; printf '%s ' "\${COMPREPLY[@]}"`;
    const env = { PATH: process.env.PATH, SCRIPT: script };
    return (await promisify(execFile)('bash', ['--norc', '-c', line], { env })).stdout.trim();
  };
  expect(await complete('fencepost', 'list', '--type', '')).toBe('A_types B_types');
  expect(await complete('fencepost', 'submit', 'A')).toBe('A_types');
  expect(await complete('fencepost', 'queues', 'pause', 'B')).toBe('B_queues');
  expect(await complete('fencepost', 'agents', 'drain', '')).toContain('A_agents B_agents');
  const env = { SERVER_URL: 'http://127.0.0.1:9' };
  expect(await runLine(['names', 'types'], { env })).toMatchObject({ code: 0, stdout: '', stderr: '' });
});

test.each(['zsh', 'fish'])('offers every command and flag to %s', async (shell) => {
  const script = (await runLine(['completion', shell])).stdout;
  const help = (await runLine(['--help'])).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? '');
  expect(commands).toContain('doctor');
  for (const name of commands) expect(script).toMatch(new RegExp(`\\b${name}\\b`));
  for (const flag of ['status', 'dry-run', 'max-losses']) expect(script).toContain(flag);
});
