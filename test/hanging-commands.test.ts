import { type Fate, fateOf, undisturbed, violationsIn } from './fate.js';
import { atWork, handlers, post } from './operations.js';
import { onTrial } from './trial.js';

/**
 * Commands whose handler blocks its agent's thread for ever, so that the agent can report nothing any more,
 * while its lease renewer renews. They run one after the other, since each keeps a processor busy.
 */

const leaseMs = 1000;
const env = { ...handlers('busy'), LEASE_MS: String(leaseMs) };
const unresponsive: Fate = { ...undisturbed, status: 'FAILED', executed: 'unknown' };
const killed = { code: null, signal: 'SIGKILL' };

it.each(['redis', 'http'] as const)('a cancel ends their agent, over %s', (transport) =>
  onTrial({ transport, env }, async (trial) => {
    // The server waits for longer, so that it is recovery that ends the command.
    const agent = await trial.deployment.startAgent({ env: { GRACE_MS: '300' } });
    const payload = { url: trial.ledger.url, ms: 600_000 };
    const id = await atWork(trial, 'BUSY', { payload, onAgentLost: 'retry' });
    await post(trial, `/commands/${id}/cancel`);
    expect(await agent.exited).toEqual(killed);
    // A command that was asked to stop is given to no other agent, whatever its policy.
    expect(await fateOf(trial, id)).toEqual({ ...unresponsive, code: 'AGENT_LOST', losses: 1 });
    expect(await violationsIn(trial)).toEqual([]);
  }),
);

it('the server ends them when their time is over, and no other attempt begins beside them', () =>
  onTrial({ agents: 1, env: { ...env, GRACE_MS: '300' } }, async (trial) => {
    const payload = { url: trial.ledger.url, ms: 600_000 };
    const timeoutMs = 1000;
    const id = await atWork(trial, 'BUSY', { payload, timeoutMs, maxAttempts: 3, onAgentLost: 'retry' });
    expect(await fateOf(trial, id)).toEqual({ ...unresponsive, code: 'TIMEOUT' });
    // The agent learns that the attempt is over, and can stop it in no other way.
    expect(await trial.deployment.agents[0]?.exited).toEqual(killed);
    // An operator may retry it all the same, and is warned of what that means.
    const { body } = await post(trial, `/commands/${id}/retry`);
    expect(body).toMatchObject({ mayStillRun: true });
    await post(trial, `/commands/${id}/cancel`);
    expect(await fateOf(trial, id)).toMatchObject({ code: 'CANCELLED', executed: 'unknown', attempt: 1 });
    expect(await violationsIn(trial)).toEqual([]);
  }));
