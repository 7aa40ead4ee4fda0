import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { byExtent } from '../testing/extent.js';
import { Ledger } from '../testing/ledger.js';
import { seededRandom } from '../testing/random.js';
import { startServerHere } from './server-here.js';

/** Agents that die by SIGKILL under load, one after another, and are started again. */

const [commands, kills, agents] = byExtent([120, 12, 3], [40, 3, 2]);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

let deployment: Deployment;
let ledger: Ledger;

beforeAll(async () => {
  // The answer takes a while, so that most kills hit an execution.
  ledger = await Ledger.start({ delayMs: 400 });
  const env = { LEASE_MS: '1500', AGENT_CONCURRENCY: '2' };
  deployment = await Deployment.start({ servers: 0, agents, env });
  await startServerHere(deployment, env);
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

/**
 * Kills an agent each time that so many more executions have begun, and starts it again on the same data
 * directory.
 */
async function killAgents(): Promise<void> {
  const random = seededRandom(seed);
  for (let kill = 1; kill <= kills; kill++) {
    await ledger.waitForHits(Math.floor((kill * commands) / (kills + 1)));
    const [victim] = deployment.agents.splice(Math.floor(random() * agents), 1);
    victim?.kill('SIGKILL');
    expect(await victim?.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await deployment.startAgent({ dontWait: true });
  }
}

it(`loses none of ${commands} commands and doubles none while agents are killed (SEED=${seed})`, async () => {
  const clients = new ClientLog();
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
  for (let i = 0; i < commands; i++) await clients.submit(deployment.url, submission);
  await killAgents();
  await deployment.settled(commands);
  const report = await deployment.judge({ clients, ledger, faults: 'any', settleMs: 1000 });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({ accepted: commands });
  // A command failed only because its agent was killed while it executed it.
  expect(report.counts.failed).toBe(report.counts.byErrorCode.AGENT_LOST ?? 0);
});
