import { type FaultRecord } from '../record.js';

export interface Reach {
  readonly ledgerUrl: string;
  readonly faults: readonly FaultRecord[];
  /** All agents that have run in the container of this name. */
  readonly agentsIn: (target: string) => readonly string[];
  /** By the wall clock. */
  readonly beganAtMs: number;
}

/**
 * Whether a command that was executed must show in the ledger. One whose agent was cut off from the network
 * while it ran need not: the ledger was beyond that network too, and `executed: "yes"` is true of a handler
 * whose request did not arrive.
 *
 * @param fields the command's hash
 */
export function mustReachLedger(fields: Readonly<Record<string, string>>, reach: Reach): boolean {
  const { payload = '', status, agentId = '', startedAt, finishedAt } = fields;
  if (!payload.includes(reach.ledgerUrl)) return false;
  return !(
    status === 'FAILED' &&
    reach.faults.some(
      ({ kind, target, injectedMs, healedMs }) =>
        kind === 'agent container cut off' &&
        reach.agentsIn(target).includes(agentId) &&
        reach.beganAtMs + injectedMs <= Number(finishedAt) &&
        reach.beganAtMs + (healedMs ?? Infinity) >= Number(startedAt),
    )
  );
}
