import { group, partitionKeys } from '../shared/store/keys.js';
import { pause } from '../shared/runtime/service.js';
import { type TestProcess } from '../testing/processes.js';
import { startStrangerHere } from './agent-crash.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, fateOfAnother, submit, undisturbed, viewOf, violationsIn } from './fate.js';
import { lostAfter } from './fates.js';
import { startServerHere } from './server-here.js';
import { onTrial, testsOver, type Trial } from './trial.js';

/**
 * On SIGTERM an agent finishes what it runs and releases what it has not started; a deploy costs nothing. In
 * `npm test` most is tried over one transport, with `TESTS=long` over both.
 */

const clean = { code: 0, signal: null };
/** No test lives to see it end. */
const longLease = { LEASE_MS: '600000' };
/**
 * An agent learns with its heartbeat, of which a lease has three. Its last command is executed long before this
 * one ends.
 */
const drainEnv = { LEASE_MS: '12000' };

/** The only agent, at work on a command whose answer is held back. */
async function atWork(trial: Trial): Promise<{ agent: TestProcess; id: string; answer: () => void }> {
  const [agent] = trial.deployment.agents;
  if (!agent) throw new Error('no agent');
  const hold = trial.ledger.hold();
  const id = await submit(trial);
  await hold.first;
  return { agent, id, answer: () => hold.release() };
}

/** Delivers the next command to the agent behind its back, as when the reply to its read was lost. */
async function deliver(trial: Trial, agentId: string): Promise<void> {
  const stream = partitionKeys().stream('default');
  const redis = trial.deployment.redis.client();
  const read = await redis.xreadgroup('GROUP', group, agentId, 'COUNT', 1, 'STREAMS', stream, '>');
  expect(read).not.toBeNull();
}

describe.each(['redis', 'http'] as const)('over %s', (transport) => {
  const it = testsOver(transport);

  it(transport, 'finishes what runs, and hands back what was delivered and not started', () =>
    onTrial({ transport, agents: 1, env: longLease }, async (trial) => {
      const { agent, id: running, answer } = await atWork(trial);
      const unstarted = await submit(trial);
      await deliver(trial, (await viewOf(trial, running)).agentId ?? '');
      agent.kill('SIGTERM');
      await agent.waitForLine(/stopping/);
      answer();
      expect(await agent.exited).toEqual(clean);
      expect(await fateOf(trial, running)).toEqual(undisturbed);
      expect(await viewOf(trial, unstarted)).toMatchObject({ status: 'PENDING', attempt: 0, losses: 0 });
      await startAgentHere(trial.deployment, { transport });
      expect(await fateOf(trial, unstarted)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );

  it('http', 'drained, finishes what runs, and takes nothing more until its next run', () =>
    onTrial({ transport, servers: 1, env: drainEnv }, async (trial) => {
      const { deployment } = trial;
      // The drain may be sent to either server: the agent learns of it from the other one as well.
      await startServerHere(deployment, drainEnv);
      await deployment.startAgent();
      const { agent, id, answer } = await atWork(trial);
      const { agentId } = await viewOf(trial, id);
      await deployment.client.drain(agentId ?? '');
      await agent.waitForLine(/draining/);
      answer();
      expect(await fateOf(trial, id)).toEqual(undisturbed);
      const next = await submit(trial);
      await startStrangerHere(trial, { transport });
      expect(await fateOf(trial, next)).toEqual(undisturbed);
      expect((await viewOf(trial, next)).agentId).not.toBe(agentId);
      const agents = await deployment.client.agents();
      expect(agents.filter(({ draining }) => draining)).toMatchObject([{ agentId, state: 'live' }]);
    }),
  );

  it(
    'redis',
    'aborts what does not end within the grace period, and says what it knows: the policy decides',
    () =>
      onTrial({ transport, agents: 1, env: { ...longLease, GRACE_MS: '300' } }, async (trial) => {
        const { agent, id, answer } = await atWork(trial);
        agent.kill('SIGTERM');
        expect(await agent.exited).toEqual(clean);
        answer();
        // Before any other agent is there, and long before its lease ends.
        expect(await fateOf(trial, id)).toEqual({ ...lostAfter([1]).fail, executed: 'yes' });
        const stopped =
          /gave up during attempt 1: its agent was stopped, .*GRACE_MS \(300 ms\); onAgentLost is fail$/;
        expect((await viewOf(trial, id)).error?.message).toMatch(stopped);
        await startAgentHere(trial.deployment, { transport });
        expect(await fateOfAnother(trial)).toEqual(undisturbed);
        expect(await violationsIn(trial)).toEqual([]);
      }),
  );

  it('http', 'exits at once at a second signal', () =>
    onTrial({ transport, agents: 1, env: { ...longLease, GRACE_MS: '600000' } }, async (trial) => {
      const { agent, id } = await atWork(trial);
      agent.kill('SIGTERM');
      await agent.waitForLine(/stopping/);
      // Signals that come very soon after the first count as its echo: a user insists.
      while (agent.running) {
        agent.kill('SIGTERM');
        await pause(50);
      }
      expect(await agent.exited).toEqual({ code: 143, signal: null });
      await startAgentHere(trial.deployment, { transport });
      expect(await fateOf(trial, id)).toEqual(lostAfter([1]).fail);
      expect(await violationsIn(trial)).toEqual([]);
    }),
  );

  it('redis', 'a deploy under load costs no command an attempt or a loss', () => {
    const env = { ...longLease, AGENT_CONCURRENCY: '2' };
    return onTrial({ transport, agents: 2, answerAfterMs: 100, env }, async (trial) => {
      const { clients, deployment, ledger } = trial;
      const command = { type: 'HTTP_GET_JSON', payload: { url: ledger.url } };
      const ids: string[] = [];
      const submitMore = async () => {
        const batch = await clients.submitBatch(deployment.url, Array<typeof command>(40).fill(command));
        ids.push(...batch.ids);
      };
      for (const agent of [...deployment.agents]) {
        // The agent has just begun to execute a command when it is stopped, however many the other one has
        // taken meanwhile.
        const hasBegun = agent.waitForLine(/"started"/, { from: agent.lines.length });
        for (let begun = false; !begun;) {
          await submitMore();
          begun = await Promise.race([hasBegun.then(() => true), pause(2000).then(() => false)]);
        }
        agent.kill('SIGTERM');
        expect(await agent.exited).toEqual(clean);
        await startAgentHere(deployment, { transport, concurrency: 2 });
      }
      await deployment.settled(ids.length);
      const fates = await Promise.all(ids.map((id) => fateOf(trial, id)));
      expect(fates).toEqual(ids.map(() => undisturbed));
      const report = await deployment.judge({ clients, ledger, faults: 'none' });
      expect(report.violations).toEqual([]);
    });
  });
});
