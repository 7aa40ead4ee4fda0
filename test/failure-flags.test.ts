import { agentSettings } from '../agent/config.js';
import { serverSettings } from '../server/config.js';
import { ConfigError, loadConfig } from '../shared/runtime/config.js';
import { checkFaultPlan } from '../shared/runtime/faults.js';
import { Deployment } from '../testing/deployment.js';
import { startProcess } from '../testing/processes.js';

/** The failure flags, as anyone can try them. What `--crash-at` and `--freeze-at` lead to has tests of its own. */

const production = { NODE_ENV: 'production' };
const killed = { code: null, signal: 'SIGKILL' };
const refused = 'failure flags are refused when NODE_ENV=production';

/** The faults that an agent or a server finds in its flags. */
function faultsOf(program: 'agent' | 'server', flag: string, env = {}): string {
  const options = { argv: [flag], env, dotenv: '/nowhere', check: checkFaultPlan };
  try {
    if (program === 'agent') loadConfig('a test', agentSettings, options);
    else loadConfig('a test', serverSettings, options);
    return '';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
}

it.each([
  ['agent', '--kill-after=1'],
  ['agent', '--random-failures'],
  ['agent', '--random-failures=0.5'],
  ['agent', '--crash-at=executed'],
  ['agent', '--freeze-at=executed'],
  ['server', '--crash-at=before-submit'],
] as const)('%s %s is refused in production', (program, flag) => {
  expect(faultsOf(program, flag, production)).toContain(refused);
  expect(faultsOf(program, flag)).toBe('');
});

it.each([
  ['--kill-after=soon', 'must be a number of seconds, or of polling cycles as in 5-polls'],
  ['--random-failures=2', 'must be true, false, or a probability between 0 and 1'],
  ['--crash-at=lunch', 'must be one of entry-read, start-sent, start-won'],
  ['--crash-at=executed:0', 'for the n-th arrival'],
])('the refusal of %s says what it may be', (flag, message) => {
  expect(faultsOf('agent', flag)).toContain(message);
});

it.each([
  ['agent', '--crash-at=executed', production, refused],
  ['server', '--crash-at=before-submit', production, refused],
  ['agent', '--crash-at=lunch', {}, 'must be one of entry-read, start-sent, start-won'],
] as const)('%s %s %j ends the process with what is wrong', async (program, flag, env, message) => {
  const started = startProcess([`dist/${program}/main.js`, flag], { env });
  expect(await started.exited).toEqual({ code: 1, signal: null });
  expect(started.output).toContain(message);
});

describe('ends an agent by SIGKILL', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start({ servers: 0, env: { LEASE_MS: '1000' } });
  });
  afterAll(() => deployment.stop());

  it.each([
    { flag: '--kill-after=0.5', env: {}, where: 'after 500 ms' },
    // An idle agent polls again after every blocking read, which takes a third of the lease.
    { flag: '--kill-after=2-polls', env: {}, where: 'after 2 polls' },
    // Certain to die at the first point that it comes to.
    { flag: '--random-failures=1', env: {}, where: 'start-sent' },
    { flag: '--crash-at=start-sent:3', env: {}, where: 'start-sent' },
    { flag: '--crash-at=start-sent', env: { ...production, ALLOW_FAULTS: 'true' }, where: 'start-sent' },
  ])('$flag ($where)', async ({ flag, env, where }) => {
    const agent = await deployment.startAgent({ args: [flag], env, dontWait: true });
    expect(await agent.exited).toEqual(killed);
    expect(agent.lines.at(-1)).toContain(`"fault":"SIGKILL","at":"${where}"`);
  });
});
