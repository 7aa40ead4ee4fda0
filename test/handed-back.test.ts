import { group, partitionKeys } from '../shared/store/keys.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, submit, undisturbed, viewOf, violationsIn } from './fate.js';
import { post } from './operations.js';
import { onTrial, until } from './trial.js';

/** A stopping agent leaves what it had been given and had not begun to others, in the very state that it was in. */

// No lease ends here: only the agent itself releases a command.
const env = { LEASE_MS: '600000' };
const keys = partitionKeys();
const stream = keys.stream('default');

it.each(['redis', 'http'] as const)(
  'an agent over %s that stops puts back what it has not begun: neither an attempt nor a loss, and what was known of it stays',
  (transport) =>
    onTrial({ env }, async (trial) => {
      const { deployment, ledger } = trial;
      const redis = deployment.redis.client();
      const agent = await startAgentHere(deployment, { transport });
      const answers = ledger.hold();
      const failedOnce = await submit(trial, {
        payload: { url: `${ledger.url}/?failFirst=1`, retryOnStatus: [503] },
        maxAttempts: 3,
      });
      await answers.first;
      const agentId = (await viewOf(trial, failedOnce)).agentId ?? '';
      // From now on the agent takes nothing by itself.
      await post(trial, '/queues/default/pause');
      answers.release();
      const fresh = await submit(trial, { ttlMs: 3_600_000 });
      await until(async () => (await redis.xlen(stream)) === 2);
      const before = await Promise.all([failedOnce, fresh].map((id) => viewOf(trial, id)));
      expect(before).toMatchObject([
        { status: 'PENDING', attempt: 1, failures: 1, losses: 0 },
        { status: 'PENDING', attempt: 0, failures: 0, losses: 0 },
      ]);
      // Both are given to the agent, and the answer never reaches it.
      const given = await redis.xreadgroup('GROUP', group, agentId, 'STREAMS', stream, '>');
      expect(given).toMatchObject([[stream, [expect.anything(), expect.anything()]]]);

      await agent.stop();
      const after = await Promise.all([failedOnce, fresh].map((id) => viewOf(trial, id)));
      expect(after).toEqual(before);
      // New entries, which have been given to no agent.
      expect(await redis.xpending(stream, group)).toEqual([0, null, null, null]);
      expect(await redis.xlen(stream)).toBe(2);

      await post(trial, '/queues/default/resume');
      await startAgentHere(deployment, { transport });
      expect(await fateOf(trial, fresh)).toEqual(undisturbed);
      expect(await fateOf(trial, failedOnce)).toMatchObject({
        ...{ status: 'COMPLETED', attempt: 2, losses: 0, effects: [1, 2] },
      });
      expect(await violationsIn(trial)).toEqual([]);
    }),
);

it('an agent over http that stops puts back what was started for it and never reached it: its attempt is spent, and no loss', () =>
  onTrial({ env }, async (trial) => {
    const { deployment, ledger } = trial;
    const redis = deployment.redis.client();
    const agent = await startAgentHere(deployment, { transport: 'http' });
    const answers = ledger.hold();
    const running = await submit(trial);
    await answers.first;
    const agentId = (await viewOf(trial, running)).agentId ?? '';
    const lost = await submit(trial);
    // A poll of the agent's own session whose answer is lost on its way.
    const session = (await redis.get(keys.session(agentId))) ?? '';
    const query = new URLSearchParams({ agentId, session, concurrency: '2', holding: `${running}:1` });
    const poll = await fetch(new URL(`/commands/next?${query.toString()}`, deployment.url));
    expect(await poll.json()).toMatchObject({ commandId: lost, attempt: 1 });
    expect(await viewOf(trial, lost)).toMatchObject({ status: 'RUNNING', agentId, attempt: 1 });

    // The agent is stopped before it has room for the command that it would be given again.
    const stopped = agent.stop();
    answers.release();
    await stopped;
    expect(await fateOf(trial, running)).toEqual(undisturbed);
    expect(await viewOf(trial, lost)).toMatchObject({
      ...{ status: 'PENDING', attempt: 1, losses: 0, failures: 0, history: [] },
    });
    await startAgentHere(deployment, { transport: 'http' });
    expect(await fateOf(trial, lost)).toEqual({ ...undisturbed, attempt: 2, effects: [2] });
    expect(await violationsIn(trial)).toEqual([]);
  }));
