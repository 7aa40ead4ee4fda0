import { type AgentTransport } from '../testing/deployment.js';
import { type Fault } from '../testing/invariants.js';
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
  /**
   * How long after a fault was healed an attempt that it explains may still begin: what had waited comes all at
   * once.
   */
  readonly afterMs: number;
  /** When the machine was too busy for the lease. */
  readonly stalls: readonly Stall[];
}

/**
 * Renewals are a third of a lease apart, so what is lost to a fault is lost two thirds of a lease after
 * it began or later; less the time that the harness takes to see that it did.
 */
const leastLeases = 0.5;
/** An agent that cannot renew gives up retriable attempts a sixth of a lease earlier. */
const leastLeasesGivenUp = 0.35;

/** Faults after which a process comes back, and settles at once what it left. */
const deaths: ReadonlySet<FaultKind> = new Set([
  'agent killed',
  'agent killed at a point',
  'agent stopped',
  'agent container killed',
  'agent container restarted',
]);

/**
 * Returns what each fault explains, in the form that the history checker takes: the attempts of the agent that
 * it hit, and not sooner than a lease can end. An outage of Redis explains no lost agent: recovery holds off
 * until the live ones have renewed, and these give up only retriable attempts by themselves.
 */
export function explanations(faults: readonly FaultRecord[], facts: RoundFacts): Fault[] {
  return [...byStalls(facts), ...byFaults(faults, facts)];
}

/**
 * Returns what a busy machine explains: retriable attempts of agents that could not renew in time, and more
 * only if it was busy for long.
 */
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
    // After a lost reply the call is sent again at once, on a new connection, and gets the same answer. A pause
    // costs no agent an attempt: what runs goes on.
    if (kind === 'entry duplicated' || kind === 'reply lost' || kind === 'queue paused') return [];
    if (kind.startsWith('Redis')) return [{ ...interval, ...givenUp }];
    const agents = agentsHit(target, facts);
    if (deaths.has(kind)) return [{ ...interval, agents, journalled: point === 'journalled' }];
    return [
      { ...interval, agents, leastMs },
      { ...interval, agents, ...givenUp },
    ];
  });
}

/**
 * A fault of a server, or of its link to Redis, may cost the agents that reach Redis through servers, and no
 * others.
 */
function agentsHit(target: string, { agents }: RoundFacts): string[] {
  const [from = ''] = target.split(' → ');
  const hit = agents.filter(({ name, transport }) =>
    from.startsWith('server') ? transport === 'http' : name === from,
  );
  return hit.flatMap(({ identities }) => identities);
}
