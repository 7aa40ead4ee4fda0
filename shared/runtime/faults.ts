import { z } from 'zod';
import { boolean, setting } from './config.js';
import { type Logger } from './logger.js';

/**
 * Points at which a process can be configured to die by SIGKILL, or to freeze by SIGSTOP: each of them
 * leaves a different state behind. Agent and server share the list, so that a test that covers it
 * covers everything.
 */
export const agentPoints = [
  'entry-read',
  'start-sent',
  'start-won',
  'mid-execution',
  'executed',
  'journalled',
  'report-sent',
] as const;
export const serverPoints = [
  'before-submit',
  'submit-sent',
  'submit-answered',
  'in-recovery',
  'command-started',
  'report-stored',
] as const;
export type AgentPoint = (typeof agentPoints)[number];
export type ServerPoint = (typeof serverPoints)[number];

/** A point, and at which arrival: `start-won:3`; the first when no number is given. */
function arrivalSchema<const Point extends string>(points: readonly [Point, ...Point[]]) {
  const error = `must be one of ${points.join(', ')}, and may have :n for the n-th arrival`;
  return z
    .string({ error })
    .regex(/^[a-z-]+(:\d+)?$/, { error })
    .transform((text) => text.split(':'))
    .transform(([point, n]) => ({ point, arrival: n === undefined ? 1 : Number(n) }))
    .pipe(z.object({ point: z.enum(points, { error }), arrival: z.int().min(1, { error }) }));
}

const killAfterError = 'must be a number of seconds, or of polling cycles as in 5-polls';
/** A timer can be set to no more: of a longer one Node makes 1 ms. */
const longestTimerMs = 2 ** 31 - 1;
const killAfterSchema = z
  .string({ error: killAfterError })
  .regex(/^(\d+(\.\d+)?|\d{1,15}-polls)$/, { error: killAfterError })
  .transform((text) =>
    text.endsWith('-polls') ? { polls: Number.parseInt(text, 10) } : { ms: Number(text) * 1000 },
  )
  .refine((after) => !('ms' in after) || after.ms <= longestTimerMs, {
    error: `must be at most ${Math.floor(longestTimerMs / 1000)} seconds`,
  });

const probabilityError = 'must be true, false, or a probability between 0 and 1';
const probabilitySchema = z
  .string({ error: probabilityError })
  .refine((text) => /^(true|false|\d*\.?\d+(e-\d+)?)$/.test(text) && !(Number(text) > 1), {
    error: probabilityError,
  })
  .transform((text) => (text === 'true' ? true : text === 'false' ? 0 : Number(text)));

/** How likely a process with `--random-failures` dies at each point it comes to. */
const usualProbability = 0.01;

const common = {
  allowFaults: setting(
    'ALLOW_FAULTS',
    boolean().default(false),
    'accept failure flags even when NODE_ENV=production',
  ),
  nodeEnv: setting('NODE_ENV', z.string().optional(), "with 'production', failure flags are refused"),
} as const;

export const agentFaultSettings = {
  ...common,
  killAfter: setting('KILL_AFTER', killAfterSchema.optional(), 'die by SIGKILL after N seconds, or N-polls'),
  randomFailures: setting(
    'RANDOM_FAILURES',
    probabilitySchema.prefault('false'),
    `die by SIGKILL at random points, each with this probability (${usualProbability} if none is given)`,
  ),
  crashAt: setting(
    'CRASH_AT',
    arrivalSchema(agentPoints).optional(),
    `die at: ${agentPoints.join(', ')}; :n for the n-th time`,
  ),
  freezeAt: setting('FREEZE_AT', arrivalSchema(agentPoints).optional(), 'like CRASH_AT, but stop by SIGSTOP'),
} as const;

export const serverFaultSettings = {
  ...common,
  crashAt: setting(
    'CRASH_AT',
    arrivalSchema(serverPoints).optional(),
    `die at: ${serverPoints.join(', ')}; :n for the n-th time`,
  ),
} as const;

interface Arrival {
  readonly point: string;
  readonly arrival: number;
}

/** The failures that a process is configured to suffer. */
export interface FaultPlan {
  readonly allowFaults: boolean;
  readonly nodeEnv?: string | undefined;
  readonly killAfter?: { readonly ms: number } | { readonly polls: number } | undefined;
  /** `true`: with the usual probability. */
  readonly randomFailures?: number | true | undefined;
  readonly crashAt?: Arrival | undefined;
  readonly freezeAt?: Arrival | undefined;
}

/** Returns the faults of a configuration, for `loadConfig`'s check: a crash in production is never intended. */
export function checkFaultPlan(plan: FaultPlan): string[] {
  const wanted = plan.killAfter ?? plan.crashAt ?? plan.freezeAt ?? (plan.randomFailures ? true : undefined);
  if (wanted === undefined || plan.nodeEnv !== 'production' || plan.allowFaults) return [];
  return ['failure flags are refused when NODE_ENV=production: take them away, or set ALLOW_FAULTS=true'];
}

/**
 * Carries out a fault plan. To die, a process sends itself SIGKILL: nothing is flushed, closed or
 * logged, as when the machine loses its power or the kernel kills the process.
 */
export class Faults<Point extends string> {
  readonly #plan: FaultPlan;
  readonly #logger: Logger;
  readonly #arrivals = new Map<Point, number>();
  #polls = 0;
  /** Whether any point may be the last: in most processes none is, and nothing is counted. */
  readonly #isArmed: boolean;

  constructor(plan: FaultPlan, logger: Logger) {
    this.#plan = plan;
    this.#isArmed = [plan.crashAt, plan.freezeAt, plan.randomFailures].some(Boolean);
    this.#logger = logger;
    const { killAfter } = plan;
    if (killAfter && 'ms' in killAfter) {
      setTimeout(() => this.#suffer('SIGKILL', `after ${killAfter.ms} ms`), killAfter.ms).unref();
    }
  }

  /** The process has come to `point`; it may not get any further. */
  at(point: Point): void {
    if (!this.#isArmed) return;
    const arrival = (this.#arrivals.get(point) ?? 0) + 1;
    this.#arrivals.set(point, arrival);
    const { crashAt, freezeAt, randomFailures } = this.#plan;
    if (freezeAt?.point === point && freezeAt.arrival === arrival) this.#suffer('SIGSTOP', point);
    if (crashAt?.point === point && crashAt.arrival === arrival) this.#suffer('SIGKILL', point);
    const probability = randomFailures === true ? usualProbability : (randomFailures ?? 0);
    if (Math.random() < probability) this.#suffer('SIGKILL', point);
  }

  /** Reaches `point` in the next event-loop tick. */
  soonAt(point: Point): void {
    if (this.#isArmed) setImmediate(() => this.at(point));
  }

  /** A polling cycle begins. */
  poll(): void {
    const { killAfter } = this.#plan;
    this.#polls++;
    if (killAfter && 'polls' in killAfter && this.#polls > killAfter.polls) {
      this.#suffer('SIGKILL', `after ${killAfter.polls} polls`);
    }
  }

  #suffer(signal: 'SIGKILL' | 'SIGSTOP', where: string): void {
    this.#logger.warn({ fault: signal, at: where }, `fault injection: ${signal}`);
    process.kill(process.pid, signal);
  }
}

/** For a process without a fault plan. */
export const noFaults = {
  at: () => undefined,
  soonAt: () => undefined,
  poll: () => undefined,
} as const;
export type CrashPoints<Point extends string> = Pick<Faults<Point>, 'at'>;
/** The part that an agent's main thread uses. */
export type AgentFaults = Pick<Faults<AgentPoint>, 'at' | 'soonAt'>;
