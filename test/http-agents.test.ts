import { isAborted, pause } from '../shared/runtime/service.js';
import { ClientLog } from '../shared/testing/client-log.js';
import { Deployment } from '../shared/testing/deployment.js';
import { byExtent } from '../shared/testing/extent.js';
import { Ledger } from '../shared/testing/ledger.js';

/** Agents over HTTP beside agents at Redis, while one of two servers dies by SIGKILL again and again. */

/** And how many kills there must have been: each takes as long as a server needs to start. */
const [commands, leastKills] = byExtent([2000, 4], [400, 1]);

let deployment: Deployment;
let ledger: Ledger;

beforeAll(async () => {
  // The answer takes a moment, so that a server dies while commands are executed.
  ledger = await Ledger.start({ delayMs: 100 });
  deployment = await Deployment.start({ servers: 2, env: { AGENT_CONCURRENCY: '4' } });
  const transports = ['redis', 'redis', 'http', 'http'] as const;
  await Promise.all(transports.map((transport) => deployment.startAgent({ transport })));
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

/** Kills the second server as soon as it is ready, and starts it again on its port, until `done`. */
async function killServer(done: Promise<unknown>): Promise<number> {
  const over = new AbortController();
  void done.finally(() => over.abort());
  for (let kills = 0; ; kills++) {
    await pause(300, over.signal);
    const [server] = deployment.servers.splice(1, 1);
    server?.process.kill('SIGKILL');
    await server?.process.exited;
    await deployment.startServer({ port: server?.port });
    if (isAborted(over.signal)) return kills;
  }
}

it(`works off ${commands} commands, two agents per transport, and nobody is lost with a server`, async () => {
  const clients = new ClientLog();
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
  const batch = Array.from({ length: 200 }, () => submission);
  const ids: string[] = [];
  for (let i = 0; i < commands / batch.length; i++) {
    ids.push(...(await clients.submitBatch(deployment.url, batch)).ids);
  }
  const kills = await killServer(deployment.settled(commands));
  const report = await deployment.judge({ clients, ledger, faults: 'any', settleMs: 500 });
  expect(report.violations).toEqual([]);
  // A server that dies costs no attempt: agents ask the other one for what it had started for them.
  expect(report.counts).toMatchObject({ accepted: commands, completed: commands, losses: 0 });
  expect(kills).toBeGreaterThanOrEqual(leastKills);

  const { client } = deployment;
  const done = await Promise.all(ids.slice(0, 500).map((id) => client.get(id)));
  const busy = new Set(done.map(({ agentId }) => agentId));
  const agents = await client.agents();
  expect(agents.filter(({ agentId }) => !busy.has(agentId))).toEqual([]);
  expect(busy.size).toBe(4);
});
