import { pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment, type DeploymentOptions } from '../testing/deployment.js';
import { type Violation } from '../testing/invariants.js';
import { isLong } from '../testing/extent.js';
import { Ledger } from '../testing/ledger.js';
import { loadUndici } from '../testing/loaded-undici.js';
import { hangMs, type TestProcess } from '../testing/processes.js';
import { startServerHere } from './server-here.js';

beforeAll(loadUndici);

/** All that a case needs, and that no other case shares: so cases can run side by side. */
export interface Trial {
  readonly deployment: Deployment;
  readonly ledger: Ledger;
  readonly clients: ClientLog;
}

export interface TrialOptions extends DeploymentOptions {
  /** How many servers have a process of their own; none when left out, and one runs in the test's. */
  readonly servers?: number;
  readonly answerAfterMs?: number;
}

/** Runs a case on a deployment of its own, and ends whatever it started. */
export async function onTrial(
  { answerAfterMs = 0, servers, agents = 0, ...options }: TrialOptions,
  body: (trial: Trial) => Promise<void>,
): Promise<void> {
  const ledger = await Ledger.start({ delayMs: answerAfterMs });
  try {
    const deployment = await Deployment.start({ ...options, servers: servers ?? 0 });
    try {
      if (servers === undefined) await startServerHere(deployment, options.env);
      await Promise.all(Array.from({ length: agents }, () => deployment.startAgent()));
      await body({ deployment, ledger, clients: new ClientLog() });
    } finally {
      await deployment.stop();
    }
  } finally {
    await ledger.stop();
  }
}

/**
 * `it.concurrent` for tests of both transports. Each names the one over which it runs in `npm test`, or its own
 * when it is to run over both; with `TESTS=long` all run over both.
 */
export const testsOver =
  (transport: 'redis' | 'http') => (short: 'redis' | 'http', name: string, body: () => Promise<void>) => {
    if (isLong || transport === short) test.concurrent(name, body);
  };

/** Returns the processes that run: if they are not the same as before, something has crashed. */
export const processesOf = ({ deployment: { servers, agents } }: Trial) =>
  [...servers.map(({ process }) => process), ...agents].map(({ pid, running }) => ({ pid, running }));

/** Polls a condition that gives no event when it becomes true. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + hangMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${hangMs} ms: ${holds.toString()}`);
    await pause(20);
  }
}

/**
 * Checks a run in which everything has ended, and leaves out the violations that the fault itself is. A command that
 * ended while its queue was overwritten or gone has left its entry behind: the run is at rest when recovery has
 * removed that.
 */
export async function violationsBeside(
  { deployment, clients, ledger }: Trial,
  isTheFault: (violation: Violation) => boolean,
): Promise<Violation[]> {
  const redis = deployment.redis.client();
  await until(async () => (await redis.xlen(partitionKeys().stream('default'))) === 0);
  const { violations } = await deployment.judge({ clients, ledger, faults: 'any' });
  return violations.filter((violation) => !isTheFault(violation));
}

/** A line of a program's log, as far as tests look at it. */
export interface LogLine {
  readonly atMs: number;
  readonly msg: string;
  readonly commandId?: string;
  readonly attempt?: number;
}

/** The lines with this message that a process has logged so far. */
export function logged(process: TestProcess, msg: string): LogLine[] {
  return process.lines
    .filter((line) => line.includes(`"msg":"${msg}"`))
    .map((line) => JSON.parse(line) as Omit<LogLine, 'atMs'> & { readonly time: string })
    .map(({ time, ...line }) => ({ ...line, atMs: Date.parse(time) }));
}
