import { type Agent } from '../agent/agent.js';
import { type OnAgentLost } from '../shared/protocol/commands.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { startAgentHere } from './agent-here.js';
import { type Fate, fateOf, submit, undisturbed } from './fate.js';
import { logged, onTrial, type Trial } from './trial.js';

/** An agent is cut off from Redis for longer than its lease, in the middle of an execution. */

// Long enough for a busy machine: an agent that has to stop before its lease ends must have the time for it.
const env = { LEASE_MS: '5000' };
const proxies: TcpProxy[] = [];
afterAll(() => Promise.all(proxies.map((proxy) => proxy.stop())));

/** The command is executing on an agent whose line is then cut; another agent is there. */
async function cutOff(trial: Trial, onAgentLost: OnAgentLost) {
  const { deployment, ledger } = trial;
  const proxy = await TcpProxy.start({ path: deployment.redis.socket });
  proxies.push(proxy);
  const agent = await deployment.startAgent({ env: { REDIS_URL: proxy.url, AGENT_ID: 'cut-off' } });
  const answers = ledger.hold(({ attempt }) => attempt === 1);
  const id = await submit(trial, { onAgentLost });
  await ledger.waitForHits(1, id);
  const other = await startAgentHere(deployment, { agentId: 'other', leaseMs: Number(env.LEASE_MS) });
  proxy.cut();
  return { id, proxy, agent, other, answers };
}

/** Expects the agent to work again: no other agent is left to execute this. */
async function expectWork(trial: Trial, other: Agent): Promise<void> {
  await other.stop();
  const id = await submit(trial);
  expect(await fateOf(trial, id)).toEqual(undisturbed);
  expect(await trial.deployment.client.get(id)).toMatchObject({ agentId: 'cut-off' });
}

it.concurrent('onAgentLost retry: it gives up before its lease ends, and another agent tries again', () =>
  onTrial({ env }, async (trial) => {
    const { id, proxy, agent, other, answers } = await cutOff(trial, 'retry');
    const twice: Fate = { ...undisturbed, attempt: 2, losses: 1, effects: [1, 2], history: ['lost 1'] };
    expect(await fateOf(trial, id)).toEqual(twice);
    const [aborted] = logged(agent, 'aborted');
    expect(aborted).toMatchObject({ commandId: id, attempt: 1 });
    expect(trial.ledger.hitsOf(id)[1]?.atMs).toBeGreaterThan(aborted?.atMs ?? Infinity);

    proxy.heal();
    await agent.waitForLine(/late report/);
    expect(await fateOf(trial, id)).toEqual({ ...twice, history: ['late 1 FAILED', 'lost 1'] });
    answers.release();
    await expectWork(trial, other);
    const { deployment, clients, ledger } = trial;
    const report = await deployment.judge({ clients, ledger, faults: 'any' });
    expect(report.violations).toEqual([]);
  }));

it.concurrent('onAgentLost fail: it finishes, and what it reports late is kept as evidence', () =>
  onTrial({ env }, async (trial) => {
    const { id, proxy, agent, other, answers } = await cutOff(trial, 'fail');
    const lost = { status: 'FAILED', code: 'AGENT_LOST', executed: 'unknown', losses: 1 } as const;
    expect(await fateOf(trial, id)).toEqual({ ...undisturbed, ...lost });
    // No other agent may execute it: it goes on, and its outcome waits in the journal.
    expect(logged(agent, 'aborted')).toEqual([]);
    answers.release();
    await agent.waitForLine(/outcomes kept in the journal/);

    proxy.heal();
    await agent.waitForLine(/late report/);
    expect(await fateOf(trial, id)).toEqual({ ...undisturbed, ...lost, history: ['late 1 COMPLETED'] });
    await expectWork(trial, other);
    const { deployment, clients, ledger } = trial;
    const report = await deployment.judge({ clients, ledger, faults: 'any' });
    expect(report.violations).toEqual([]);
  }));
