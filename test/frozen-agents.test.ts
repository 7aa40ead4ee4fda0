import { onAgentLostSchema } from '../shared/protocol/commands.js';
import { agentPoints } from '../shared/runtime/faults.js';
import { isLong, sampled } from '../testing/extent.js';
import { untilFrozen } from '../testing/process-state.js';
import { startStrangerHere, strike, untilOverdue } from './agent-crash.js';
import { type Fate, fateOf, fateOfAnother, submit, undisturbed, violationsIn } from './fate.js';
import { fates } from './fates.js';
import { onTrial } from './trial.js';

/**
 * An agent is frozen by SIGSTOP at every crash point, under both policies, and wakes up when its lease has run
 * out and another agent has done the rest; `fates.ts` defines what must become of its command. In `npm test` a
 * sixth of the cases run, with `TESTS=long` all.
 */

const leaseMs = 1500;
const env = { LEASE_MS: String(leaseMs) };
const policies = onAgentLostSchema.options;
const cases = [
  ...sampled(
    agentPoints.flatMap((point) =>
      policies.map((policy) => ({ transport: 'redis', point, policy }) as const),
    ),
    0,
    6,
  ),
  // Over HTTP each runs once, under the policy by which there is another execution that it could disturb.
  ...agentPoints
    .filter((point, i) => point !== 'entry-read' && (isLong || i % 6 === 1))
    .map((point) => ({ transport: 'http', point, policy: 'retry' }) as const),
];

it.concurrent.each(cases)(
  'frozen at $point, onAgentLost $policy, over $transport: it changes nothing when it wakes up, and works again',
  ({ transport, point, policy }) =>
    onTrial({ transport, env }, async (trial) => {
      const { id, agent } = await strike(trial, point, 'SIGSTOP', policy);
      const stranger = await startStrangerHere(trial, { transport, leaseMs });
      const { gone, tooLate } = fates[point];
      expect(await fateOf(trial, id)).toEqual(gone[policy]);
      // From here on, the woken agent executes everything.
      await stranger.stop();

      agent.kill('SIGCONT');
      if (tooLate.length > 0) await agent.waitForLine(/late report/);
      expect(await fateOfAnother(trial)).toEqual(undisturbed);
      const { history, ...rest } = gone[policy];
      expect(await fateOf(trial, id)).toEqual({ ...rest, history: [...tooLate, ...history] });
      expect(await violationsIn(trial)).toEqual([]);
    }),
);

it.concurrent.each(['redis', 'http'] as const)(
  'frozen over %s for most of its lease and no longer: what it has just been given is still its own',
  (transport) => {
    // The last tenth of it is long enough for a busy machine.
    const longLeaseMs = 12_000;
    const env = { LEASE_MS: String(longLeaseMs) };
    return onTrial({ transport, answerAfterMs: 1500, env }, async (trial) => {
      const { id, agent } = await strike(trial, 'start-won', 'SIGSTOP', 'retry');
      await untilOverdue(trial, 0.87 * longLeaseMs);
      agent.kill('SIGCONT');
      expect(await fateOf(trial, id)).toEqual(undisturbed);
      expect(await violationsIn(trial)).toEqual([]);
    });
  },
);

describe('all processes frozen past the lease, as on a machine that was suspended', () => {
  const givenUp: Fate = {
    ...undisturbed,
    attempt: 2,
    losses: 1,
    effects: [1, 2],
    history: ['lost 1 FAILED'],
  };

  it.concurrent('an agent goes on with what it alone may execute, and gives up what another may', () => {
    const queues = ['left', 'right'] as const;
    const more = { ...env, AGENT_QUEUES: queues.join(','), AGENT_CONCURRENCY: '2' };
    return onTrial({ servers: 1, env: more }, async (trial) => {
      const { deployment, ledger } = trial;
      const goesOn = await submit(trial, { queue: 'left', onAgentLost: 'fail' });
      const givesUp = await submit(trial, { queue: 'right', onAgentLost: 'retry' });
      const [answer] = [goesOn, givesUp].map((id) =>
        ledger.hold(({ commandId, attempt }) => commandId === id && attempt === 1),
      );
      await deployment.startAgent();
      await ledger.waitForHits(2);
      const all = [...deployment.agents, ...deployment.servers.map(({ process }) => process)];
      for (const process of all) process.kill('SIGSTOP');
      await Promise.all(all.map(untilFrozen));
      for (const queue of queues) await untilOverdue(trial, leaseMs, queue);
      for (const process of all) process.kill('SIGCONT');
      answer?.release();
      expect(await fateOf(trial, goesOn)).toEqual(undisturbed);
      expect(await fateOf(trial, givesUp)).toEqual(givenUp);
      expect(await violationsIn(trial)).toEqual([]);
    });
  });
});
