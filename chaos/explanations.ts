import { type AgentTransport } from '../shared/testing/deployment.js';
import { type Fault } from '../shared/testing/invariants.js';
import { type FaultKind, type FaultRecord } from './record.js';

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
  /** So long after a fault was healed, what had waited for it may still come all at once. */
  readonly afterMs: number;
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
  'agent container killed',
  'agent container restarted',
]);

/**
 * What each fault explains, as the judge wants it: the attempts of the agent that it hit, and not sooner
 * than a lease can end. An outage of Redis explains no lost agent: recovery holds off until the live
 * ones have renewed, and only what may be tried again do they give up by themselves.
 */
export function explanations(faults: readonly FaultRecord[], facts: RoundFacts): Fault[] {
  return faults.flatMap((fault): Fault[] => {
    const { kind, target, injectedMs, healedMs } = fault;
    const interval = {
      what: `${kind}: ${target}`,
      fromMs: facts.beganAtMs + injectedMs,
      toMs: facts.beganAtMs + (healedMs ?? facts.endedMs) + facts.afterMs,
    };
    const leastMs = leastLeases * facts.leaseMs;
    const givenUp = { onAgentLost: 'retry', leastMs: leastLeasesGivenUp * facts.leaseMs } as const;
    if (kind === 'entry doubled') return [];
    if (kind.startsWith('Redis')) return [{ ...interval, ...givenUp }];
    const agents = agentsHit(target, facts);
    if (deaths.has(kind))
      return [{ ...interval, agents, leastMs: isJournalled(fault) ? leastMs : undefined }];
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

/** It died with one command, whose outcome was on its disk: if it came back in time, it has reported it. */
const isJournalled = ({ point, inFlight }: FaultRecord) => point === 'journalled' && inFlight.length === 1;
