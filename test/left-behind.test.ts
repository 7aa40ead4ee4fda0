import { join } from 'node:path';
import { repositoryRoot } from '../shared/testing/processes.js';
import { fateOf, submit, undisturbed, violationsIn } from './fate.js';
import { onTrial } from './trial.js';

/** What the modules of an agent's types do to its process. */

const handlers = (name: string) => ({ AGENT_COMMANDS: join(repositoryRoot, 'test/handlers', `${name}.mjs`) });

test('an agent whose handler left a rejecting promise behind says so, finishes what runs, and ends with 1', () =>
  onTrial({ agents: 1, env: { ...handlers('leaves-behind'), LEASE_MS: '600000' } }, async (trial) => {
    const id = await submit(trial, { type: 'LEAVES_BEHIND', payload: { ms: 1000 } });
    const [agent] = trial.deployment.agents;
    await agent?.waitForLine(/"level":"fatal".*nobody awaits me/);
    expect(await agent?.exited).toEqual({ code: 1, signal: null });
    expect(await fateOf(trial, id)).toMatchObject({ status: undisturbed.status });
    expect(await violationsIn(trial)).toEqual([]);
  }));
