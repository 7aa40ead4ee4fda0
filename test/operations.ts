import { join } from 'node:path';
import { type Submission } from '../shared/protocol/commands.js';
import { repositoryRoot } from '../testing/processes.js';
import { submit } from './fate.js';
import { type Trial, until } from './trial.js';

/** For agents that know the command type of that file in `test/handlers/`. */
export const handlers = (name: string) => ({
  AGENT_COMMANDS: join(repositoryRoot, 'test/handlers', `${name}.mjs`),
});

/** Sends an operator's request to the first server. */
export async function post({ clients, deployment }: Trial, path: string) {
  const { status, body } = await clients.operate(deployment.url, path);
  return { status, body };
}

/** Submits a command that works for ever. @returns its id, once its handler has had its effect */
export async function atWork(trial: Trial, type: string, more: Partial<Submission> = {}): Promise<string> {
  const { ledger } = trial;
  const id = await submit(trial, { type, payload: { url: ledger.url }, timeoutMs: 3_600_000, ...more });
  await until(() => Promise.resolve(ledger.hitsOf(id).length === 1));
  return id;
}
