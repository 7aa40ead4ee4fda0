import { seededRandom } from '../../testing/random.js';
import { type Violation } from '../../testing/invariants.js';
import { type FaultKind, faultKinds, type FaultRecord, type RoundRecord, type RunRecord } from '../record.js';

/** Records as a run that kept all promises would write them, for the tests of the report: nothing was run. */
export function madeRun(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    format: 1,
    startedAt: '2026-11-22T06:40:00.000Z',
    seed: 4711,
    command: 'npm run chaos -- --seed=4711 --duration=240s --round=120s',
    commit: '0123abc',
    machine: {
      cpus: 2,
      cpu: 'Some CPU @ 2.50GHz',
      memoryGb: 8,
      os: 'Linux 6.1',
      node: '20.19.0',
      redis: '7.0.15',
    },
    options: {
      durationSeconds: 120,
      agents: 3,
      transport: 'both',
      mix: Object.fromEntries(faultKinds.map((kind) => [kind, 1])),
    },
    mutant: null,
    rounds: [madeRound()],
    ...changes,
  };
}

/** Two minutes, 90 faults of all kinds. */
export function madeRound(changes: Partial<RoundRecord> = {}): RoundRecord {
  const number = changes.number ?? 1;
  const random = seededRandom(number);
  const durationMs = 120_000;
  const faults = Array.from({ length: 90 }, (_, index) => {
    const kind = faultKinds[index % faultKinds.length] ?? 'agent killed';
    return madeFault(
      { kind, event: index * 40, injectedMs: Math.round(((index + random()) * durationMs) / 95) },
      random,
    );
  });
  return {
    number,
    seed: 4711 + number,
    agents: ['redis', 'redis', 'http'],
    servers: 2,
    leaseMs: 2000,
    durationMs,
    restMs: 3120,
    faults,
    stalls: 0,
    samples: madeSamples(durationMs, faults, random),
    tally: {
      zombiesRefused: 31,
      resentAbsorbed: 64,
      lateRefused: 12,
      submissionsDeduplicated: 88,
      doubledEntriesAbsorbed: 9,
    },
    counts: {
      accepted: 9604,
      completed: 9320,
      failed: 284,
      pruned: 8800,
      byErrorCode: { AGENT_LOST: 191, EXECUTION_FAILED: 93 },
      executedUnknown: 191,
      losses: 240,
      transitions: 29_410,
      lateReports: 22,
      progress: 4100,
      effects: 9500,
    },
    violations: [],
    mix: { 'DELAY, fail': 4800, 'HTTP_GET_JSON, retry': 4804 },
    histories: {},
    troubles: [],
    ...changes,
  };
}

export function madeFault(changes: Partial<FaultRecord> = {}, random: () => number = () => 0.5): FaultRecord {
  const kind = changes.kind ?? 'agent killed';
  const injectedMs = changes.injectedMs ?? 1000;
  const heldMs = 200 + 1800 * random();
  return {
    kind,
    target: targetOf(kind),
    point: pointOf(kind, random),
    event: 17,
    injectedMs,
    verifiedMs: injectedMs + 4,
    proof: 'exit by SIGKILL',
    healedMs: Math.round(injectedMs + heldMs),
    inFlight: ['01a201a3-bdce-75de-9ca1-d40af1171d5a'],
    recoveredMs: Math.round(injectedMs + heldMs + 3000 * random() ** 3),
    overlapping: random() < 0.4 ? 1 : 0,
    ...changes,
  };
}

export function madeViolation(changes: Partial<Violation> = {}): Violation {
  return {
    invariant: 2,
    commandId: '01a201a3-bdce-75de-9ca1-d40af1171d5a',
    what: 'attempt 1 was executed more than once',
    evidence: [{ attempt: 1 }, { attempt: 1 }],
    ...changes,
  };
}

function targetOf(kind: FaultKind): string {
  if (kind.startsWith('agent')) return 'agent-2';
  if (kind.startsWith('server')) return 'server-1';
  return kind.startsWith('Redis') ? 'redis' : 'agent-1 → Redis';
}

function pointOf(kind: FaultKind, random: () => number): string | null {
  if (kind === 'reply lost' || kind === 'request late') return random() < 0.5 ? 'report' : 'start';
  if (!kind.endsWith('at a point')) return null;
  if (kind.startsWith('server')) return random() < 0.5 ? 'before-submit' : 'after-submit';
  return random() < 0.5 ? 'after-start' : 'before-report';
}

/** Faults leave a dent in what ends, and a hump in what is open. */
function madeSamples(durationMs: number, faults: readonly FaultRecord[], random: () => number) {
  let [accepted, ended] = [0, 0];
  return Array.from({ length: durationMs / 500 + 1 }, (_, index) => {
    const atMs = index * 500;
    const hurt = faults.filter((fault) => fault.injectedMs <= atMs && (fault.healedMs ?? 0) > atMs).length;
    accepted += Math.round((44 + 8 * random()) / (1 + hurt / 2));
    ended = Math.max(ended, accepted - Math.round(14 + 10 * random() + 16 * hurt));
    return { atMs, accepted, ended, open: accepted - ended };
  });
}
