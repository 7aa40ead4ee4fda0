import { join } from 'node:path';
import { repositoryRoot } from '../testing/processes.js';
import { startAgentHere } from './agent-here.js';
import { fateOf, submit, undisturbed, violationsIn } from './fate.js';
import { lostAfter } from './fates.js';
import { onTrial } from './trial.js';

/** The effects of the modules of an agent's types on its process. */

const handlers = (name: string) => ({ AGENT_COMMANDS: join(repositoryRoot, 'test/handlers', `${name}.mjs`) });

test('an agent whose handler left a rejecting promise behind says so, finishes what runs, and ends with 1', () =>
  onTrial({ agents: 1, env: { ...handlers('leaves-behind'), LEASE_MS: '600000' } }, async (trial) => {
    const id = await submit(trial, { type: 'LEAVES_BEHIND', payload: { ms: 1000 } });
    const [agent] = trial.deployment.agents;
    await agent?.waitForLine(/"level":"fatal".*this promise is not awaited/);
    expect(await agent?.exited).toEqual({ code: 1, signal: null });
    expect(await fateOf(trial, id)).toMatchObject({ status: undisturbed.status });
    expect(await violationsIn(trial)).toEqual([]);
  }));

test('a handler that ends its process: its command is lost, and settled as soon as the next run begins', () =>
  onTrial({ agents: 1, env: { ...handlers('exits'), LEASE_MS: '600000' } }, async (trial) => {
    const id = await submit(trial, { type: 'EXITS', payload: null });
    expect(await trial.deployment.agents[0]?.exited).toEqual({ code: 0, signal: null });
    await startAgentHere(trial.deployment);
    // No request went out, so the ledger sees no effect.
    expect(await fateOf(trial, id)).toEqual(lostAfter([]).fail);
    expect(await violationsIn(trial)).toEqual([]);
  }));
