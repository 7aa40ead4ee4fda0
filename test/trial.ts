import { ClientLog } from '../shared/testing/client-log.js';
import { Deployment, type DeploymentOptions } from '../shared/testing/deployment.js';
import { Ledger } from '../shared/testing/ledger.js';
import { type TestProcess } from '../shared/testing/processes.js';

/** All that a case needs, and that no other case shares: so cases can run side by side. */
export interface Trial {
  readonly deployment: Deployment;
  readonly ledger: Ledger;
  readonly clients: ClientLog;
}

/** Runs a case on a deployment of its own, and ends whatever it started. */
export async function onTrial(
  { answerAfterMs = 0, ...options }: DeploymentOptions & { readonly answerAfterMs?: number },
  body: (trial: Trial) => Promise<void>,
): Promise<void> {
  const ledger = await Ledger.start({ delayMs: answerAfterMs });
  try {
    const deployment = await Deployment.start(options);
    try {
      await body({ deployment, ledger, clients: new ClientLog() });
    } finally {
      await deployment.stop();
    }
  } finally {
    await ledger.stop();
  }
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
