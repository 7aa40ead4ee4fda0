import { type Fate, fateOf, undisturbed, violationsIn } from './fate.js';
import { atWork, handlers, post } from './operations.js';
import { onTrial } from './trial.js';

/**
 * Commands whose handler blocks its agent's thread for ever, so that the agent can say nothing any more,
 * while its keeper renews. One after the other: each keeps a processor busy.
 */

const leaseMs = 1000;
const env = { ...handlers('busy'), LEASE_MS: String(leaseMs) };
const stubborn: Fate = { ...undisturbed, status: 'FAILED', executed: 'unknown' };
const killed = { code: null, signal: 'SIGKILL' };

it.each(['redis', 'http'] as const)('a cancel ends their agent, over %s', (transport) =>
  onTrial({ transport, env }, async (trial) => {
    // The server waits for longer, so that it is recovery that ends the command.
    const agent = await trial.deployment.startAgent({ env: { GRACE_MS: '300' } });
    const payload = { url: trial.ledger.url, ms: 600_000 };
    const id = await atWork(trial, 'BUSY', { payload, onAgentLost: 'retry' });
    await post(trial, `/commands/${id}/cancel`);
    expect(await agent.exited).toEqual(killed);
    // Asked to stop, it is given to nobody else, whatever its policy.
    expect(await fateOf(trial, id)).toEqual({ ...stubborn, code: 'AGENT_LOST', losses: 1 });
    expect(await violationsIn(trial)).toEqual([]);
  }),
);

it('the server ends them when their time is over, and no other attempt begins beside them', () =>
  onTrial({ agents: 1, env: { ...env, GRACE_MS: '300' } }, async (trial) => {
    const payload = { url: trial.ledger.url, ms: 600_000 };
    const timeoutMs = 1000;
    const id = await atWork(trial, 'BUSY', { payload, timeoutMs, maxAttempts: 3, onAgentLost: 'retry' });
    expect(await fateOf(trial, id)).toEqual({ ...stubborn, code: 'TIMEOUT' });
    // Told that the attempt is over, it cannot stop it in any other way.
    expect(await trial.deployment.agents[0]?.exited).toEqual(killed);
    // An operator may want it all the same, and is told what that means.
    const { body } = await post(trial, `/commands/${id}/retry`);
    expect(body).toMatchObject({ mayStillRun: true });
    await post(trial, `/commands/${id}/cancel`);
    expect(await fateOf(trial, id)).toMatchObject({ code: 'CANCELLED', executed: 'unknown', attempt: 1 });
    expect(await violationsIn(trial)).toEqual([]);
  }));
