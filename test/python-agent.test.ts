import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { Ledger } from '../testing/ledger.js';
import { repositoryRoot, startProcess, type TestProcess } from '../testing/processes.js';
import { ensurePython } from '../testing/python.js';

/** The agent of docs/how-to/run-agents-without-redis.md, in Python's standard library. */

let deployment: Deployment;
let ledger: Ledger;
let python: TestProcess;

beforeAll(async () => {
  const program = await ensurePython();
  ledger = await Ledger.start();
  deployment = await Deployment.start();
  const env = { SERVER_URL: deployment.url, AGENT_ID: 'python-1' };
  python = startProcess(['examples/http_agent.py'], { program, env });
}, 180_000);
afterAll(async () => {
  python.kill('SIGKILL');
  await deployment.stop();
  await ledger.stop();
});

it('completes 100 commands, and leaves when it is asked to', async () => {
  const clients = new ClientLog();
  const submission = { type: 'DELAY', payload: { ms: 1 } };
  await clients.submitBatch(
    deployment.url,
    Array.from({ length: 100 }, () => submission),
  );
  await deployment.settled(100);
  const report = await deployment.judge({ clients, ledger, faults: 'none' });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({ accepted: 100, completed: 100, losses: 0, lateReports: 0 });
  python.kill('SIGTERM');
  expect(await python.exited).toEqual({ code: 0, signal: null });
  expect(await deployment.get('/agents')).toEqual({ agents: [] });
});

it('is the one that the protocol shows', () => {
  const read = (file: string) => readFileSync(join(repositoryRoot, file), 'utf8');
  expect(read('docs/how-to/run-agents-without-redis.md')).toContain(
    `\`\`\`python\n${read('examples/http_agent.py')}\`\`\`\n`,
  );
});
