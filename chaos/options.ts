import { z } from 'zod';
import { choice, type Config, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { type Mix, mixFault, mixRule, mixText, parseMix, usualMix } from './mix.js';

const durationRule = 'must be a time such as 90, 90s or 30m, at least 5 seconds';

/** `30m` as seconds. */
export const durationSchema = z
  .string({ error: durationRule })
  .regex(/^\d+(s|m|h)?$/, { error: durationRule })
  .transform((text) => Number.parseInt(text, 10) * ({ m: 60, h: 3600 }[text.slice(-1)] ?? 1))
  .refine((seconds) => seconds >= 5 && seconds <= 7 * 24 * 3600, { error: durationRule });

const mixSchema = z
  .string({ error: mixRule })
  .transform((text, context): Mix => {
    const mix = parseMix(text);
    if (mix) return mix;
    context.addIssue({ code: 'custom', message: mixFault(text) });
    return z.NEVER;
  })
  .optional();

export const chaosSettings = {
  seed: setting(
    'SEED',
    integer(0, 2 ** 31 - 1).optional(),
    'determines which fault is injected at which event',
  ),
  durationSeconds: setting(
    'DURATION',
    durationSchema.prefault('60s'),
    'duration of the whole run: 90, 90s, 30m',
  ),
  roundSeconds: setting(
    'ROUND',
    durationSchema.prefault('120s'),
    'duration of one round: each has fresh data, its own seed, and is checked by itself',
  ),
  agents: setting('AGENTS', integer(1, 50).default(4), 'number of agents in each round'),
  servers: setting('SERVERS', integer(1, 10).default(2), 'number of servers in each round'),
  clients: setting(
    'CLIENTS',
    integer(1, 500).default(32),
    'number of clients, each with one submission at a time',
  ),
  transport: setting(
    'TRANSPORT',
    choice(['redis', 'http', 'both']).default('both'),
    'how agents reach Fencepost; both: every other agent over HTTP',
  ),
  leaseMs: setting('LEASE', integer(1000, 60_000).default(2500), 'LEASE_MS of servers and agents'),
  retentionMs: setting(
    'RETENTION',
    integer(0, 24 * 3600 * 1000).optional(),
    'RETENTION_MS of servers; unset: so short that commands are pruned during the run',
  ),
  mix: setting('MIX', mixSchema, `which faults, and how often: ${mixRule}`),
  json: setting('JSON', z.string().min(1).optional(), 'file for all observations, as JSON'),
  page: setting('PAGE', z.string().min(1).optional(), 'file for the report as a page with plots'),
  markdown: setting('MARKDOWN', z.string().min(1).optional(), 'file for the report as Markdown'),
  read: setting(
    'READ',
    z.string().min(1).optional(),
    'report on the --json file of an earlier run, without a new run',
  ),
  mutants: setting(
    'MUTANTS',
    z.string().min(1).optional(),
    'test the history checker: whether a run finds the mutant of this name; all: one run for each',
  ),
} as const;

export type ChaosConfig = Config<typeof chaosSettings>;

/** The options of a run: everything that decides what it does. */
export interface ChaosOptions {
  readonly seed: number;
  readonly durationSeconds: number;
  readonly roundSeconds: number;
  readonly agents: number;
  readonly servers: number;
  readonly clients: number;
  readonly transport: 'redis' | 'http' | 'both';
  readonly leaseMs: number;
  readonly retentionMs: number;
  readonly mix: Mix;
  readonly mutant?: string | undefined;
  /** The first violation ends the run: at once if it is beyond doubt, else when its round was checked. */
  readonly stopAtViolation?: boolean;
  /** Aborted: the round in progress ends, is checked, and is the last. */
  readonly signal?: AbortSignal;
}

/** @throws ConfigError with every fault */
export function loadChaosConfig(argv: readonly string[]): ChaosConfig {
  // Flags only: in the environment these names could belong to any program.
  return loadConfig('npm run chaos --', chaosSettings, { argv, env: {}, dotenv: '' });
}

/**
 * The shortest retention that is allowed; with long leases longer: a server may be frozen for two of them, and
 * must not find, when it wakes up with a submission in flight, that its command was carried out and pruned.
 */
export const usualRetentionMs = (leaseMs: number) => Math.max(10_000, 4 * leaseMs);

/** Completes the options. A run without a seed gets one, and prints it. */
export function optionsOf(config: ChaosConfig): ChaosOptions {
  const { json, page, markdown, read, mutants, mix, seed, retentionMs, ...rest } = config;
  void [json, page, markdown, read, mutants];
  return {
    ...rest,
    seed: seed ?? Date.now() % 1_000_000,
    mix: mix ?? usualMix,
    retentionMs: retentionMs ?? usualRetentionMs(rest.leaseMs),
  };
}

/** The command that repeats a run. */
export function commandOf(options: ChaosOptions): string {
  const { seed, durationSeconds, roundSeconds, agents, servers, clients, transport, leaseMs, retentionMs } =
    options;
  const flags = [
    `--seed=${seed}`,
    `--duration=${durationSeconds}s`,
    `--round=${roundSeconds}s`,
    `--agents=${agents}`,
    `--servers=${servers}`,
    `--clients=${clients}`,
    `--transport=${transport}`,
    `--lease=${leaseMs}`,
    `--retention=${retentionMs}`,
    ...(options.mix === usualMix ? [] : [`--mix=${mixText(options.mix)}`]),
    ...(options.mutant === undefined ? [] : [`--mutants=${options.mutant}`]),
  ];
  return `npm run chaos -- ${flags.join(' ')}`;
}
