import { ClientLog } from '../shared/testing/client-log.js';
import { Deployment } from '../shared/testing/deployment.js';
import { byExtent } from '../shared/testing/extent.js';
import { Ledger } from '../shared/testing/ledger.js';
import { isAborted, pause } from '../shared/runtime/service.js';
import { seededRandom } from '../shared/testing/random.js';

/** Agents that die by SIGKILL under load, twice a second, and are started again. */

/** And how many kills there must have been: one every half second, and as long as an agent needs to end. */
const [commands, leastKills] = byExtent([120, 4], [40, 2]);
const agents = 3;
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

let deployment: Deployment;
let ledger: Ledger;

beforeAll(async () => {
  // The answer takes a while, so that most kills hit an execution.
  ledger = await Ledger.start({ delayMs: 400 });
  deployment = await Deployment.start({ agents, env: { LEASE_MS: '1500', AGENT_CONCURRENCY: '2' } });
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

/** Kills one agent after the other until `done`; each is started again, by the same data directory. */
async function killAgents(done: Promise<unknown>): Promise<number> {
  const random = seededRandom(seed);
  const over = new AbortController();
  void done.finally(() => over.abort());
  let kills = 0;
  while (!over.signal.aborted) {
    await pause(500, over.signal);
    const victim = deployment.agents[Math.floor(random() * deployment.agents.length)];
    if (!victim || isAborted(over.signal)) continue;
    victim.kill('SIGKILL');
    const { signal } = await victim.exited;
    if (signal === 'SIGKILL') kills++;
    deployment.agents.splice(deployment.agents.indexOf(victim), 1);
    await deployment.startAgent({ dontWait: true });
  }
  return kills;
}

it(`loses none of ${commands} commands and doubles none, whoever is killed (SEED=${seed})`, async () => {
  const clients = new ClientLog();
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
  for (let i = 0; i < commands; i++) await clients.submit(deployment.url, submission);
  const kills = await killAgents(deployment.settled(commands));
  const report = await deployment.judge({ clients, ledger, faults: 'any', settleMs: 1000 });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({ accepted: commands });
  // Whatever failed, failed because its agent was killed under it.
  expect(report.counts.failed).toBe(report.counts.byErrorCode.AGENT_LOST ?? 0);
  expect(kills).toBeGreaterThanOrEqual(leastKills);
});
