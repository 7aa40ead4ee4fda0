import { randomUUID } from 'node:crypto';
import { type CommandView, type Submission } from '../shared/protocol/commands.js';
import { pause } from '../shared/runtime/service.js';
import { type Violation } from '../testing/invariants.js';
import { hangMs } from '../testing/processes.js';
import { type Trial, until } from './trial.js';

/** The whole fate of one command, as people and the outside world saw it. */
export interface Fate {
  readonly status: CommandView['status'];
  readonly code: string | null;
  readonly executed: string | null;
  readonly attempt: number;
  readonly losses: number;
  /** The attempts of all requests that arrived at the ledger, in order. */
  readonly effects: readonly number[];
  /** Ended attempts that were not the accepted one, newest first: `late 1 COMPLETED`. */
  readonly history: readonly string[];
}

/** The fate of a command that nothing disturbed. */
export const undisturbed: Fate = {
  status: 'COMPLETED',
  code: null,
  executed: null,
  attempt: 1,
  losses: 0,
  effects: [1],
  history: [],
};

/**
 * Submits a command whose execution is one request to the ledger. Does as clients should: with its key it sends again
 * what was answered too late, as on a busy machine, or by a server that is busy.
 *
 * @returns its id
 */
export async function submit(
  { clients, deployment, ledger }: Trial,
  more: Partial<Submission> = {},
): Promise<string> {
  const submission = { type: 'HTTP_GET_JSON', payload: { url: ledger.url }, ...more };
  const { idempotencyKey = randomUUID() } = more;
  const deadline = performance.now() + hangMs;
  for (;;) {
    const { ids, outcome, refusal } = await clients.submit(deployment.url, submission, { idempotencyKey });
    const [id] = ids;
    if (id !== undefined) return id;
    const mayBeRepeated = outcome === 'unknown' || refusal?.startsWith('503') === true;
    if (!mayBeRepeated || performance.now() > deadline) {
      throw new Error(`a submission was not accepted: ${refusal ?? outcome}`);
    }
    await pause(100);
  }
}

export function viewOf({ deployment }: Trial, id: string): Promise<CommandView> {
  return deployment.client.get(id);
}

/** Returns the fate of a command, once it has ended. */
export async function fateOf(trial: Trial, id: string): Promise<Fate> {
  // Repeated, since a server that was frozen itself may report at first that Redis does not answer.
  await until(async () => {
    const seen = await trial.clients.read(trial.deployment.url, id, { waitSeconds: 40 });
    return seen === null || seen?.status === 'COMPLETED' || seen?.status === 'FAILED';
  });
  const { status, error, attempt, losses, history } = await viewOf(trial, id);
  return {
    status,
    code: error?.code ?? null,
    executed: error?.executed ?? null,
    attempt,
    losses,
    effects: trial.ledger.hitsOf(id).map((hit) => hit.attempt),
    history: history.map((item) => [item.reason, item.attempt, item.status].join(' ').trim()),
  };
}

/** Returns the fate of one more command: the agents that are left must be at work. */
export async function fateOfAnother(trial: Trial): Promise<Fate> {
  return fateOf(trial, await submit(trial));
}

/** Checks all eight invariants of a trial that has come to rest. */
export async function violationsIn({ deployment, clients, ledger }: Trial): Promise<readonly Violation[]> {
  await deployment.settled();
  return (await deployment.judge({ clients, ledger, faults: 'any' })).violations;
}
