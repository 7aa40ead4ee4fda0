import { join } from 'node:path';
import { type OnAgentLost } from '../shared/protocol/commands.js';
import { byExtent } from '../testing/extent.js';
import { repositoryRoot } from '../testing/processes.js';
import { startStranger } from './agent-crash.js';
import { fateOf, fateOfAnother, submit, undisturbed, violationsIn } from './fate.js';
import { lostAfter } from './fates.js';
import { onTrial, type Trial } from './trial.js';

/** Handlers that do not do as they should: they ignore their abort signal, or block their agent's event loop. */

const handlers = (name: string) => ({ AGENT_COMMANDS: join(repositoryRoot, 'test/handlers', `${name}.mjs`) });

/** A command that blocks its agent for three leases. */
const leaseMs = 3000;
const blocked = { ...handlers('blocked'), LEASE_MS: String(leaseMs) };
const submitBlocked = (trial: Trial, onAgentLost: OnAgentLost) =>
  submit(trial, { type: 'BLOCKED', payload: { url: trial.ledger.url, ms: 3 * leaseMs }, onAgentLost });

it.concurrent('a handler that ignores its signal: TIMEOUT, by an agent that ends itself', () =>
  // The lease never runs out in this test: the outcome comes from the journal.
  onTrial({ agents: 1, env: { ...handlers('deaf'), GRACE_MS: '300', LEASE_MS: '600000' } }, async (trial) => {
    const { deployment, ledger } = trial;
    const id = await submit(trial, { type: 'DEAF', payload: { url: ledger.url } });
    expect(await deployment.agents[0]?.exited).toEqual({ code: 1, signal: null });
    await deployment.startAgent();
    expect(await fateOf(trial, id)).toEqual({
      ...undisturbed,
      status: 'FAILED',
      code: 'TIMEOUT',
      executed: 'yes',
    });
    expect(await fateOfAnother(trial)).toEqual(undisturbed);
    expect(await violationsIn(trial)).toEqual([]);
  }));

it.concurrent('a handler that blocks its agent for longer than the lease keeps it, whatever onAgentLost says', () =>
  onTrial({ agents: 1, env: blocked }, async (trial) => {
    await startStranger(trial);
    for (const policy of byExtent(['fail', 'retry'] as const, ['retry'] as const)) {
      expect(await fateOf(trial, await submitBlocked(trial, policy))).toEqual(undisturbed);
    }
    expect(await violationsIn(trial)).toEqual([]);
  }));

it.concurrent('a handler that blocks its agent for longer than MAX_BLOCK_MS is given up', () =>
  onTrial({ agents: 1, env: { ...blocked, MAX_BLOCK_MS: '1000' } }, async (trial) => {
    const [agent] = trial.deployment.agents;
    // onAgentLost fail: its report is too late when it is done, and its agent goes on.
    const failing = await submitBlocked(trial, 'fail');
    await agent?.waitForLine(/late report/);
    expect(await fateOf(trial, failing)).toEqual({ ...lostAfter([1]).fail, history: ['late 1 COMPLETED'] });
    expect(await fateOfAnother(trial)).toEqual(undisturbed);

    // onAgentLost retry: its agent ends itself, and another one tries again.
    const retried = await submitBlocked(trial, 'retry');
    expect(await agent?.exited).toEqual({ code: null, signal: 'SIGKILL' });
    // The next attempt would fare no better in an agent that gives up as soon.
    await trial.deployment.startAgent({ env: { MAX_BLOCK_MS: '60000' } });
    expect(await fateOf(trial, retried)).toEqual(lostAfter([1]).retry);
    expect(await violationsIn(trial)).toEqual([]);
  }));
