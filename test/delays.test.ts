import { type Deployment } from '../testing/deployment.js';
import { seededRandom } from '../testing/random.js';
import { type CommandView } from '../shared/protocol/commands.js';
import { startAgentHere } from './agent-here.js';
import { startServerHere } from './server-here.js';
import { onTrial, until } from './trial.js';

/** The guarantees of delays: never before their time, in the order of their times, by any server, once. */

const count = 400;
/** No test lives to see a lease end. */
const env = { LEASE_MS: '600000' };

async function viewsOf(deployment: Deployment, ids: readonly string[]): Promise<CommandView[]> {
  return Promise.all(ids.map((id) => deployment.client.get(id)));
}

it('delayed commands start in the order of their times, each once, also when a server dies meanwhile', async () => {
  await onTrial({ servers: 1, env }, async ({ deployment, clients, ledger }) => {
    await startServerHere(deployment, env);
    await startAgentHere(deployment, { concurrency: 50 });
    const random = seededRandom(1);
    const ids: string[] = [];
    const { urls } = deployment;
    for (let batch = 0; batch < 8; batch++) {
      const commands = Array.from({ length: count / 8 }, () => ({
        type: 'DELAY',
        payload: { ms: 0 },
        delayMs: 300 + Math.floor(2500 * random()),
      }));
      const post = await clients.submitBatch(urls[batch % urls.length] ?? '', commands);
      expect(post.outcome).toBe('accepted');
      ids.push(...post.ids);
    }
    await until(async () => (await completedOf(deployment)) > count / 4);
    const [victim] = deployment.servers.splice(0, 1);
    victim?.process.kill('SIGKILL');
    await victim?.process.exited;
    await deployment.settled(count);

    const views = (await viewsOf(deployment, ids)).map(({ status, attempt, runAt, startedAt }) => ({
      status,
      attempt,
      runAt: Date.parse(runAt ?? ''),
      startedAt: Date.parse(startedAt ?? ''),
    }));
    expect(new Set(views.map(({ status, attempt }) => `${status} ${attempt}`))).toEqual(
      new Set(['COMPLETED 1']),
    );
    expect(views.filter(({ runAt, startedAt }) => !(startedAt >= runAt))).toEqual([]);
    const starts = views.sort((a, b) => a.runAt - b.runAt).map(({ startedAt }) => startedAt);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    const { violations } = await deployment.judge({ clients, ledger, faults: 'none' });
    expect(violations).toEqual([]);
  });
});

async function completedOf(deployment: Deployment): Promise<number> {
  const { counts } = await deployment.client.stats();
  return counts.COMPLETED;
}

it('what became due while no server was there starts when one is back', () =>
  onTrial({ servers: 1, env }, async ({ deployment, clients }) => {
    await startAgentHere(deployment);
    const [server] = deployment.servers;
    const delayed = { type: 'DELAY', payload: { ms: 0 }, delayMs: 100 };
    const { ids } = await clients.submitBatch(deployment.url, [delayed, delayed]);
    server?.process.kill('SIGKILL');
    await server?.process.exited;
    deployment.servers.splice(0);
    await startServerHere(deployment, env);
    for (const id of ids) {
      const view = await clients.read(deployment.url, id, { waitSeconds: 30 });
      expect(view).toMatchObject({ status: 'COMPLETED', attempt: 1 });
    }
  }));
