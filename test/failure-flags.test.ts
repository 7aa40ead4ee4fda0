import { startProcess } from '../shared/testing/processes.js';
import { onTrial } from './trial.js';

/** The failure flags, as anyone can try them. What `--crash-at` and `--freeze-at` lead to has tests of its own. */

const production = { NODE_ENV: 'production' };
const killed = { code: null, signal: 'SIGKILL' };

it.concurrent.each([
  ['agent', '--kill-after=1'],
  ['agent', '--random-failures'],
  ['agent', '--random-failures=0.5'],
  ['agent', '--crash-at=executed'],
  ['agent', '--freeze-at=executed'],
  ['server', '--crash-at=before-submit'],
])('%s %s is refused in production', async (program, flag) => {
  const refused = startProcess([`dist/${program}/main.js`, flag], { env: production });
  expect(await refused.exited).toEqual({ code: 1, signal: null });
  expect(refused.output).toContain('failure flags are refused when NODE_ENV=production');
});

it.concurrent.each([
  ['--kill-after=soon', 'must be a number of seconds, or of polling cycles as in 5-polls'],
  ['--random-failures=2', 'must be true, false, or a probability between 0 and 1'],
  ['--crash-at=lunch', 'must be one of entry-read, start-sent, start-won'],
  ['--crash-at=executed:0', 'for the n-th arrival'],
])('%s is told what it may be', async (flag, message) => {
  const agent = startProcess(['dist/agent/main.js', flag]);
  expect(await agent.exited).toEqual({ code: 1, signal: null });
  expect(agent.output).toContain(message);
});

it.concurrent.each([
  { flag: '--kill-after=0.5', env: {}, where: 'after 500 ms' },
  // An idle agent polls again after every blocking read, which takes a third of the lease.
  { flag: '--kill-after=2-polls', env: {}, where: 'after 2 polls' },
  // Certain to die at the first point that it comes to.
  { flag: '--random-failures=1', env: {}, where: 'start-sent' },
  { flag: '--crash-at=start-sent:3', env: {}, where: 'start-sent' },
  { flag: '--crash-at=start-sent', env: { ...production, ALLOW_FAULTS: 'true' }, where: 'start-sent' },
])('$flag ends an agent by SIGKILL ($where)', ({ flag, env, where }) =>
  onTrial({ servers: 0, env: { LEASE_MS: '1000', ...env } }, async ({ deployment }) => {
    const agent = await deployment.startAgent({ args: [flag], dontWait: true });
    expect(await agent.exited).toEqual(killed);
    expect(agent.lines.at(-1)).toContain(`"fault":"SIGKILL","at":"${where}"`);
  }),
);
