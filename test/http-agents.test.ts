import { isAborted, pause } from '../shared/runtime/service.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { byExtent } from '../testing/extent.js';
import { Ledger } from '../testing/ledger.js';
import { startServerHere } from './server-here.js';

/** Agents over HTTP beside agents at Redis, while one of two servers dies by SIGKILL again and again. */

/** The minimum of kills: each takes as long as a server needs to start. */
const [commands, leastKills] = byExtent([2000, 4], [200, 1]);
const agentsPerTransport = byExtent(2, 1);

let deployment: Deployment;
let ledger: Ledger;

beforeAll(async () => {
  // The answer takes a moment, so that a server dies while commands are executed.
  ledger = await Ledger.start({ delayMs: 100 });
  deployment = await Deployment.start({ servers: 0, env: { AGENT_CONCURRENCY: '4' } });
  // The server that lives, and the one that dies.
  await startServerHere(deployment);
  await deployment.startServer();
  const transports = (['redis', 'http'] as const).flatMap((transport) =>
    Array.from({ length: agentsPerTransport }, () => transport),
  );
  await Promise.all(transports.map((transport) => deployment.startAgent({ transport })));
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

/**
 * Kills the server that has a process of its own as soon as it is ready, and starts it again on its port, until
 * `done`.
 */
async function killServer(done: Promise<unknown>): Promise<number> {
  const over = new AbortController();
  void done.finally(() => over.abort());
  for (let kills = 0; ; kills++) {
    await pause(byExtent(300, 800), over.signal);
    const [server] = deployment.servers.splice(0, 1);
    server?.process.kill('SIGKILL');
    await server?.process.exited;
    await deployment.startServer({ port: server?.port });
    if (isAborted(over.signal)) return kills;
  }
}

it(`works off ${commands} commands, ${agentsPerTransport} agents per transport, none lost with a server`, async () => {
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
  expect(busy.size).toBe(2 * agentsPerTransport);
});
