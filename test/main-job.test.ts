import { type Json } from '../shared/protocol/commands.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { byExtent } from '../testing/extent.js';
import { Ledger } from '../testing/ledger.js';

/** The main job on real processes: in over HTTP, executed once by an agent, its result back. */

let deployment: Deployment;
let ledger: Ledger;
const clients = new ClientLog();
const oneByOne = byExtent(1000, 100);
/** Commands in the ten batches. */
const inBatches = byExtent(10_000, 300);
const inAll = 2 + oneByOne + inBatches + 1;
const noOp = { type: 'DELAY', payload: { ms: 0 } };

beforeAll(async () => {
  ledger = await Ledger.start();
  deployment = await Deployment.start({ agents: 2 });
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

async function read(path: string): Promise<Json> {
  const answer = await fetch(new URL(path, deployment.url));
  return (await answer.json()) as Json;
}

it('answers a submission with where to look, and the look with the result', async () => {
  const post = await clients.submit(deployment.url, { type: 'DELAY', payload: { ms: 1 } });
  expect(post.outcome).toBe('accepted');
  const [id] = post.ids;
  expect(await read(`/commands/${id}?wait=30`)).toMatchObject({
    commandId: id,
    status: 'COMPLETED',
    type: 'DELAY',
    payload: { ms: 1 },
    result: { ok: true },
    error: null,
    attempt: 1,
    losses: 0,
    history: [],
  });
});

it('fetches JSON for a client', async () => {
  const post = await clients.submit(deployment.url, { type: 'HTTP_GET_JSON', payload: { url: ledger.url } });
  const [id = ''] = post.ids;
  const view = await clients.read(deployment.url, id, { waitSeconds: 30 });
  const [hit] = ledger.hitsOf(id);
  expect(view).toMatchObject({ status: 'COMPLETED', result: { status: 200, body: hit?.answer } });
  expect(hit).toMatchObject({ commandId: id, attempt: 1 });
});

it(`completes ${oneByOne} commands submitted one by one`, async () => {
  for (let wave = 0; wave < oneByOne / 20; wave++) {
    await Promise.all(Array.from({ length: 20 }, () => clients.submit(deployment.url, noOp)));
  }
  expect(clients.posts.filter(({ outcome }) => outcome !== 'accepted')).toEqual([]);
  await deployment.settled(2 + oneByOne);
});

it(`completes ${inBatches} commands submitted in batches`, async () => {
  for (let batch = 0; batch < 10; batch++) {
    await clients.submitBatch(
      deployment.url,
      Array.from({ length: inBatches / 10 }, () => noOp),
    );
  }
  expect(clients.posts.filter(({ outcome }) => outcome !== 'accepted')).toEqual([]);
  await deployment.settled(inAll - 1);
});

it('gives twenty concurrent POSTs with one Idempotency-Key one id and one effect', async () => {
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
  const posts = await Promise.all(
    Array.from({ length: 20 }, () =>
      clients.submit(deployment.url, submission, { idempotencyKey: 'order-4711' }),
    ),
  );
  const ids = new Set(posts.flatMap((post) => post.ids));
  expect(posts.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 20 }, () => 'accepted'));
  expect(ids.size).toBe(1);
  await deployment.settled(inAll);
  const [id = ''] = ids;
  expect(ledger.hitsOf(id)).toHaveLength(1);
});

it('shared the work between both agents, and left nothing behind', async () => {
  const { counts } = (await read('/stats')) as { counts: Json };
  expect(counts).toEqual({ PENDING: 0, RUNNING: 0, COMPLETED: inAll, FAILED: 0 });
  const { agents } = (await read('/agents')) as { agents: { agentId: string }[] };
  expect(agents).toHaveLength(2);
  const report = await deployment.judge({ clients, ledger, faults: 'none' });
  expect(report.violations).toEqual([]);
  expect(report.counts).toMatchObject({
    accepted: inAll,
    completed: inAll,
    failed: 0,
    executedUnknown: 0,
    losses: 0,
  });
});
