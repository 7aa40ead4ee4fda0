import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deployment } from '../testing/deployment.js';
import { endProcesses, startProcess } from '../testing/processes.js';
import { startAgentHere } from './agent-here.js';
import { startServerHere } from './server-here.js';

/** Each program of examples/, as a reader runs it beside `npm start`. Those with tests of their own are not here. */

let deployment: Deployment;
let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'fencepost-examples-'));
  deployment = await Deployment.start({ servers: 0 });
  await startServerHere(deployment, { LEASE_MS: '600000' });
  await startAgentHere(deployment, { concurrency: 10 });
});
afterAll(async () => {
  await endProcesses();
  await deployment.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test.each([
  ['submit-and-wait', ['one command', 'COMPLETED true attempt 1']],
  ['own-agent', ['COMPLETED { words: 4 }']],
  ['exactly-once', [`COMPLETED { chargeId: 'ch_1' } after 2 attempts: 2 requests, 1 charge`]],
  ['from-bullmq', ['COMPLETED true']],
])('examples/%s.mjs', async (name, lines) => {
  expect(await run(name)).toEqual({ lines, code: 0 });
});

test('examples/nightly-batch.mjs, also when it is started again', async () => {
  const { lines, code } = await run('nightly-batch');
  expect(code).toBe(0);
  expect(lines).toEqual([
    '200 commands',
    '196 completed, 4 failed',
    '4 retried, 4 failed again',
    expect.stringMatching(
      /^\{"commandId":".*","url":"http:\/\/127\.0\.0\.1:9\/","code":"EXECUTION_FAILED"\}$/,
    ),
  ]);
  const again = await run('nightly-batch');
  expect(again.lines.slice(0, 2)).toEqual(lines.slice(0, 2));
  const { counts } = await deployment.client.stats();
  expect(counts.PENDING + counts.RUNNING).toBe(0);
});

async function run(name: string) {
  const env = { SERVER_URL: deployment.url, DATA_DIR: join(dataDir, name), NIGHT: 'a-night' };
  const program = startProcess([`examples/${name}.mjs`], { env });
  const { code } = await program.exited;
  return { lines: program.lines, code };
}
