import { createClient } from '../shared/client/client.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';

/**
 * Restarts keep every accepted command, and its result. One deployment for all tests: each but the last leaves
 * a server and an agent at work, and nothing that runs.
 */

let deployment: Deployment;
const clients = new ClientLog();
const noOp = { type: 'DELAY', payload: { ms: 0 } };

beforeAll(async () => (deployment = await Deployment.start({ agents: 1 })));
afterAll(() => deployment.stop());

async function submit(count: number, payload: { ms: number } = { ms: 0 }): Promise<string[]> {
  const post = await clients.submitBatch(
    deployment.url,
    Array.from({ length: count }, () => ({ ...noOp, payload })),
  );
  expect(post.outcome).toBe('accepted');
  return [...post.ids];
}

async function statusesOf(ids: readonly string[]): Promise<(string | undefined)[]> {
  return Promise.all(
    ids.map(async (id) => (await clients.read(deployment.url, id, { waitSeconds: 30 }))?.status),
  );
}

const completed = (ids: readonly string[]) => ids.map(() => 'COMPLETED');

it('keeps everything when the server is killed and started again', async () => {
  const ids = await submit(50);
  const [server] = deployment.servers.splice(0);
  server?.process.kill('SIGKILL');
  await server?.process.exited;
  await deployment.startServer({ port: server?.port });
  expect(await statusesOf(ids)).toEqual(completed(ids));
});

it('keeps everything when Redis is killed, and goes on by itself when it is back', async () => {
  const before = await submit(50);
  await deployment.redis.kill();
  await deployment.redis.start();
  // Until the server has connected again it answers 503, with a Retry-After.
  await deployment.client.ready();
  const after = await submit(1);
  expect(await statusesOf([...before, ...after])).toEqual(completed([...before, ...after]));
});

it('keeps everything when everything is killed', async () => {
  const done = await submit(10);
  expect(await statusesOf(done)).toEqual(completed(done));
  const waiting = await submit(50, { ms: 5 });
  const [server] = deployment.servers.splice(0);
  const [agent] = deployment.agents.splice(0);
  for (const process of [server?.process, agent]) process?.kill('SIGKILL');
  await Promise.all([server?.process.exited, agent?.exited]);
  await deployment.redis.kill();
  await deployment.redis.start();
  await deployment.startServer({ port: server?.port });
  expect(await statusesOf(done)).toEqual(completed(done));
  await deployment.startAgent();
  // The one that was RUNNING when its agent was killed is not this test's matter.
  const statuses = await statusesOf(waiting.slice(-40));
  expect(statuses).toEqual(completed(waiting.slice(-40)));
});

it('logs the RUNNING commands that it finds at its start, and shows them at /stats', async () => {
  const [id = ''] = await submit(1, { ms: 60_000 });
  const agent = deployment.agents[0];
  // By its id: the agent has started commands of the tests before.
  await agent?.waitForLine(new RegExp(`${id}.*"started"`));
  agent?.kill('SIGKILL');
  await agent?.exited;
  const server = await deployment.startServer();
  const line = await server.process.waitForLine(/RUNNING/);
  expect(line).toContain(id);
  const client = createClient({ url: server.url });
  expect(await client.stats()).toMatchObject({
    counts: { RUNNING: 1 },
    runningAtStartup: { count: 1, commandIds: [id] },
  });
  await client.close();
});
