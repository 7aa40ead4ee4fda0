import { type Pause } from '../testing/client-log.js';
import { byExtent } from '../testing/extent.js';
import { startAgentHere } from './agent-here.js';
import { onTrial, testsOver, type Trial, until } from './trial.js';

/** Queues by real processes: weights, strict order, and pauses that hold whatever is killed meanwhile. */

const leaseMs = 2000;

async function submitTo({ deployment, clients }: Trial, queue: string, count: number, ms: number) {
  const commands = Array.from({ length: count }, () => ({ type: 'DELAY', payload: { ms }, queue }));
  const post = await clients.submitBatch(deployment.url, commands);
  expect(post.outcome).toBe('accepted');
  return post.ids;
}

const viewsOf = ({ deployment }: Trial, ids: readonly string[]) =>
  Promise.all(ids.map((id) => deployment.client.get(id)));

async function runningOf({ deployment }: Trial): Promise<number> {
  const { counts } = await deployment.client.stats();
  return counts.RUNNING;
}

/** Pauses a queue as an operator does, and records that for the history checker. @returns how to resume it */
async function pauseQueue(trial: Trial, queue: string): Promise<() => Promise<void>> {
  const { client } = trial.deployment;
  expect(await client.pauseQueue(queue)).toMatchObject({ queue, paused: true });
  const noted: Pause = { queue, answeredAtMs: Date.now() };
  trial.clients.pauses.push(noted);
  return async () => {
    noted.resumedAtMs = Date.now();
    expect(await trial.deployment.client.resumeQueue(queue)).toMatchObject({ queue, paused: false });
  };
}

describe.each(['redis', 'http'] as const)('an agent over %s', (transport) => {
  const it = testsOver(transport);

  /** How many of the first `count` starts came from each of the two queues, both full at first. */
  async function firstStarts(trial: Trial, queues: string, count: number) {
    const ids = (await Promise.all(['a', 'b'].map((queue) => submitTo(trial, queue, count, 0)))).flat();
    await trial.deployment.startAgent({ transport, env: { AGENT_QUEUES: queues } });
    await trial.deployment.settled(2 * count);
    const views = await viewsOf(trial, ids);
    // Two may start in one millisecond: of those the one from b is taken for the first.
    const place = ({ startedAt, queue }: { startedAt: string | null; queue: string }) =>
      `${startedAt ?? ''} ${queue === 'b' ? 0 : 1}`;
    const starts = views.sort((one, other) => place(one).localeCompare(place(other)));
    const of = (queue: string) => starts.slice(0, count).filter((view) => view.queue === queue).length;
    return { a: of('a'), b: of('b') };
  }

  it('redis', 'serves its queues by weight: the lesser one gets its share, and does not starve', async () => {
    await onTrial({}, async (trial) => {
      const { b } = await firstStarts(trial, 'a:3,b:1', 60);
      // A quarter of 60 is expected. None at all would come once in 30 million runs, and 40 more seldom.
      expect(b).toBeGreaterThan(0);
      expect(b).toBeLessThan(40);
    });
  });

  it('http', 'serves them strictly in their order without weights', async () => {
    await onTrial({}, async (trial) => {
      expect(await firstStarts(trial, 'b,a', 20)).toEqual({ a: 0, b: 20 });
    });
  });
});

it('a pause that was answered holds, whatever is killed, and costs what runs nothing', async () => {
  const env = { LEASE_MS: String(leaseMs), AGENT_QUEUES: 'mail,other', AGENT_CONCURRENCY: '2' };
  // One server is in the test's own process, so that no test has to wait for its start.
  await onTrial({ agents: byExtent(2, 1), env }, async (trial) => {
    const { deployment, clients, ledger } = trial;
    await deployment.startServer();
    await deployment.startAgent({ transport: 'http' });
    const ids = await submitTo(trial, 'mail', 150, 30);
    await deployment.client.wait(ids[30] ?? '');
    const resume = await pauseQueue(trial, 'mail');
    const before = (await viewsOf(trial, ids)).filter(({ status }) => status !== 'PENDING').length;

    const [agent] = deployment.agents.splice(0, 1);
    const [server] = deployment.servers.splice(0, 1);
    for (const process of [agent, server?.process]) process?.kill('SIGKILL');
    await Promise.all([agent?.exited, server?.process.exited]);
    await deployment.startServer({ port: server?.port });
    // The pause is in Redis: it also holds for agents and servers that start after it was made.
    await startAgentHere(deployment, { queue: 'mail', leaseMs });
    const others = await submitTo(trial, 'other', 20, 0);
    const done = await Promise.all(others.map((id) => deployment.client.wait(id)));
    expect(new Set(done.map(({ status }) => status))).toEqual(new Set(['COMPLETED']));
    await until(async () => (await runningOf(trial)) === 0);

    const views = await viewsOf(trial, ids);
    const waiting = views.filter(({ status }) => status === 'PENDING');
    expect(waiting.length).toBeGreaterThanOrEqual(150 - before);
    expect(new Set(waiting.map(({ waitingFor }) => waitingFor))).toEqual(new Set(['queue-paused']));
    const killed = { code: 'AGENT_LOST', executed: 'unknown' };
    for (const view of views.filter(({ status }) => status === 'FAILED')) {
      expect(view).toMatchObject({ agentId: expect.any(String) as string, error: killed });
    }
    await resume();
    await deployment.settled(170);
    const { violations } = await deployment.judge({ clients, ledger, faults: 'any' });
    expect(violations).toEqual([]);
  });
});
