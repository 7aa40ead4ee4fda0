import { type AgentTransport } from '../shared/testing/deployment.js';
import { type Fault } from '../shared/testing/invariants.js';
import { type FaultKind, type FaultRecord } from './record.js';
import { type Stall } from './stalls.js';

/** An agent of a round, and the names that it had in Redis. */
export interface RoundAgent {
  readonly name: string;
  readonly identities: readonly string[];
  readonly transport: AgentTransport;
}

export interface RoundFacts {
  readonly agents: readonly RoundAgent[];
  readonly leaseMs: number;
  /** By the wall clock. */
  readonly beganAtMs: number;
  readonly endedMs: number;
  /** So long after a fault was healed, an attempt may still begin that it explains: what had waited comes all at once. */
  readonly afterMs: number;
  /** When the machine was too busy for the lease. */
  readonly stalls: readonly Stall[];
}

/**
 * Renewals are a third of a lease apart, so what is lost to a fault is lost two thirds of a lease after
 * it began or later; less the time that the harness takes to see that it did.
 */
const leastLeases = 0.5;
/** An agent that cannot renew gives up what may be tried again a sixth of a lease earlier. */
const leastLeasesGivenUp = 0.35;

/** Those after which a process comes back, and settles at once what it left. */
const deaths: ReadonlySet<FaultKind> = new Set([
  'agent killed',
  'agent killed at a point',
  'agent stopped',
  'agent container killed',
  'agent container restarted',
]);

/**
 * What each fault explains, as the judge wants it: the attempts of the agent that it hit, and not sooner
 * than a lease can end. An outage of Redis explains no lost agent: recovery holds off until the live
 * ones have renewed, and only what may be tried again do they give up by themselves.
 */
export function explanations(faults: readonly FaultRecord[], facts: RoundFacts): Fault[] {
  return [...byStalls(facts), ...byFaults(faults, facts)];
}

/** What a busy machine costs: what agents give up that could not renew in time, and no more unless it was long. */
function byStalls({ stalls, leaseMs, afterMs }: RoundFacts): Fault[] {
  return stalls.flatMap(({ what, fromMs, toMs }): Fault[] => {
    const interval = { what, fromMs, toMs: toMs + afterMs };
    const givenUp = { ...interval, onAgentLost: 'retry', leastMs: leastLeasesGivenUp * leaseMs } as const;
    if (toMs - fromMs < leastLeases * leaseMs) return [givenUp];
    return [givenUp, { ...interval, leastMs: leastLeases * leaseMs }];
  });
}

function byFaults(faults: readonly FaultRecord[], facts: RoundFacts): Fault[] {
  return faults.flatMap((fault): Fault[] => {
    const { kind, target, point, injectedMs, healedMs } = fault;
    const interval = {
      what: `${kind}: ${target}`,
      fromMs: facts.beganAtMs + injectedMs,
      toMs: facts.beganAtMs + (healedMs ?? facts.endedMs) + facts.afterMs,
    };
    const leastMs = leastLeases * facts.leaseMs;
    const givenUp = { onAgentLost: 'retry', leastMs: leastLeasesGivenUp * facts.leaseMs } as const;
    // After a lost reply the call is sent again at once, on a new connection, and answered the same.
    // A pause costs nobody an attempt: what runs goes on.
    if (kind === 'entry doubled' || kind === 'reply lost' || kind === 'queue paused') return [];
    if (kind.startsWith('Redis')) return [{ ...interval, ...givenUp }];
    const agents = agentsHit(target, facts);
    if (deaths.has(kind)) return [{ ...interval, agents, journalled: point === 'journalled' }];
    return [
      { ...interval, agents, leastMs },
      { ...interval, agents, ...givenUp },
    ];
  });
}

/** A server, or its line to Redis, may cost the agents that reach Redis through servers, and no other. */
function agentsHit(target: string, { agents }: RoundFacts): string[] {
  const [from = ''] = target.split(' → ');
  const hit = agents.filter(({ name, transport }) =>
    from.startsWith('server') ? transport === 'http' : name === from,
  );
  return hit.flatMap(({ identities }) => identities);
}
