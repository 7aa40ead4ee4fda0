import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '../../shared/client/client.js';
import { endProcesses, freePort, startProcess, type TestProcess } from '../../testing/processes.js';
import { repositoryRoot } from '../../testing/redis-server.js';
import { compared, rewritten, stepsOf, walk } from './tour.js';

/**
 * The lines that README and the first tutorial have a reader type, typed as printed, on a stack as `npm start`
 * runs it: by curl, by command line, and by client, one after the other, as a reader may. With `TOUR=write` the
 * pages get what was seen.
 */

const tutorial = 'docs/tutorials/first-minutes.md';

interface Stack {
  /** Without the scheme. */
  readonly url: string;
  readonly redisPort: number;
  readonly client: Client;
  readonly env: Readonly<Record<string, string>>;
}

let dataDir: string;
let stack: Stack;
let started: TestProcess;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'fencepost-tour-'));
  const [port, redisPort] = [await freePort(), await freePort()];
  const env = { PORT: String(port), REDIS_PORT: String(redisPort), DATA_DIR: dataDir };
  started = startProcess(['dist/cli/stack-main.js'], { env, ownGroup: true });
  await started.waitForLine(/Stop it/);
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  await until(async () => (await client.agents()).filter(({ state }) => state === 'live').length === 2);
  stack = { url: `localhost:${port}`, redisPort, client, env: { DATA_DIR: dataDir } };
});

afterAll(async () => {
  await stack.client.close();
  // Stopped as by Ctrl-C: killed, it would leave its Redis behind.
  started.kill('SIGTERM');
  await started.exited;
  await endProcesses();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Asks again and again; the test's own limit is the only one. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function killAgentOf(commandId: string): Promise<number> {
  const { client } = stack;
  await until(async () => (await client.get(commandId)).status === 'RUNNING');
  const { agentId } = await client.get(commandId);
  const pid = (await client.agents()).find((agent) => agent.agentId === agentId)?.pid;
  if (typeof pid !== 'number') throw new Error(`${agentId ?? 'no agent'} has no pid`);
  process.kill(pid, 'SIGKILL');
  return pid;
}

const atRest = () =>
  until(async () => {
    const { PENDING, RUNNING } = (await stack.client.stats()).counts;
    return PENDING + RUNNING === 0;
  });

/** Types the console blocks below each of these headings, as one session. */
async function expectAsPrinted(...chapters: readonly (readonly [page: string, heading: string])[]) {
  const pages = new Map(chapters.map(([page]) => [page, readFileSync(join(repositoryRoot, page), 'utf8')]));
  const steps = chapters.map(([page, heading]) => stepsOf(pages.get(page) ?? '', heading));
  for (const one of steps) expect(one).not.toEqual([]);
  const { url, redisPort, env } = stack;
  const seen = await walk(steps.flat(), { url, redisPort, env, killAgentOf, atRest });
  if (process.env.TOUR === 'write') {
    for (const [page, text] of pages) writeFileSync(join(repositoryRoot, page), rewritten(text, seen, url));
  }
  expect(seen.map((one) => compared(one)[0])).toEqual(seen.map((one) => compared(one)[1]));
}

it('can be done by curl, with a look into Redis', () =>
  expectAsPrinted([tutorial, 'With curl'], ['docs/how-to/inspect-redis.md', 'Look into Redis']));

it('can be done by command line', () => expectAsPrinted([tutorial, 'With the command line']));

it('begins in the README, which kills an agent', () =>
  expectAsPrinted(['README.md', 'Quick start'], ['README.md', 'Kill it yourself']));

it('can be done by client', async () => {
  const { client, url } = stack;
  const { commandId } = await client.submit({ type: 'DELAY', payload: { ms: 1500 } });
  expect(await client.wait(commandId)).toMatchObject({
    status: 'COMPLETED',
    result: { ok: true },
    attempt: 1,
  });

  const order = { type: 'HTTP_GET_JSON', payload: { url: `http://${url}/health` } };
  const idempotencyKey = 'order-4711';
  const first = await client.submit(order, { idempotencyKey });
  // The other two have used that key for the same command.
  expect(first.created).toBe(false);
  expect(await client.submit(order, { idempotencyKey })).toEqual(first);

  const detail = 'payload.ms must be a whole number from 0 to 86400000';
  const wrong = client.submit({ type: 'DELAY', payload: { ms: -1 } });
  await expect(wrong).rejects.toMatchObject({ status: 400, code: 'invalid_request', message: detail });

  await client.wait(first.commandId);
  expect((await client.stats()).counts).toMatchObject({ PENDING: 0, RUNNING: 0, FAILED: 0 });

  const lost = await client.submit({ type: 'DELAY', payload: { ms: 3000 }, onAgentLost: 'retry' });
  await killAgentOf(lost.commandId);
  expect(await client.wait(lost.commandId)).toMatchObject({ status: 'COMPLETED', attempt: 2, losses: 1 });
});
