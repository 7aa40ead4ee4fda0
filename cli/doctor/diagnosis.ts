import { redisCli } from '../where-to-look.js';
import { connectCommands } from '../../shared/store/connection.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type Check, type Finding, type CheckResult } from './check.js';
import { redisAnswers } from './checks/redis-answers.js';
import { redisVersion } from './checks/redis-version.js';
import { serverAnswers } from './checks/server-answers.js';
import { checks } from './checks.js';
import { Snapshot } from './snapshot.js';
import { askServer } from './server-answers.js';

/** The outcome of one check. */
export interface CheckReport {
  readonly name: string;
  readonly about: string;
  /** `skip`: the check could not be made; `detail` gives the reason. */
  readonly state: 'pass' | 'fail' | 'skip';
  readonly detail: string;
  readonly findings: readonly Finding[];
}

/** The output of `doctor --json`. Contract. */
export interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly CheckReport[];
}

export interface Deployment {
  readonly redisUrl: string;
  readonly serverUrl: string;
  /** The credentials of doctor, where a proxy asks for them. */
  readonly serverHeaders?: Readonly<Record<string, string>>;
}

type Named = Pick<Check, 'name' | 'about'>;

/** Looks at a deployment, and changes nothing. */
export async function diagnose({ redisUrl, serverUrl, serverHeaders = {} }: Deployment): Promise<Diagnosis> {
  let lastError: Error | undefined;
  const redis = connectCommands(redisUrl, { onError: (error) => (lastError = error) });
  const snapshot = new Snapshot({
    redis,
    redisCli: redisCli(redisUrl),
    keys: partitionKeys(),
    serverUrl,
    ask: (path) => askServer(serverUrl, path, serverHeaders),
  });
  try {
    const [ping, hello] = await Promise.all([
      redisAnswers.run(redis, redisUrl, () => lastError),
      serverAnswers.run(serverUrl, snapshot.ask),
    ]);
    const reports = [reportOf(redisAnswers, ping), reportOf(serverAnswers, hello)];
    const away = new Map<'redis' | 'server', string>();
    if (ping.findings.length > 0) away.set('redis', 'Redis is away');
    if (hello.findings.length > 0) away.set('server', 'the server is away');
    const versionReport = await runCheck(redisVersion, snapshot, away);
    reports.push(versionReport);
    if (versionReport.state === 'fail') away.set('redis', 'Redis is too old');
    for (const check of checks) reports.push(await runCheck(check, snapshot, away));
    return { ok: reports.every(({ state }) => state !== 'fail'), checks: reports };
  } finally {
    redis.disconnect();
  }
}

async function runCheck(
  check: Check,
  snapshot: Snapshot,
  away: ReadonlyMap<'redis' | 'server', string>,
): Promise<CheckReport> {
  const missing = check.needs.find((needed) => away.has(needed));
  if (missing !== undefined) {
    const { name, about } = check;
    return { name, about, state: 'skip', detail: `not checked: ${away.get(missing) ?? ''}`, findings: [] };
  }
  try {
    return reportOf(check, await check.run(snapshot));
  } catch (error) {
    // A missing permission is a finding of the check of permissions; here the result is only not known.
    const { name, about } = check;
    if (isForbidden(error))
      return { name, about, state: 'skip', detail: `not checked: ${error.message}`, findings: [] };
    return reportOf(check, failed(error));
  }
}

const isForbidden = (error: unknown): error is Error =>
  error instanceof Error && error.message.startsWith('NOPERM');

function reportOf({ name, about }: Named, { detail, findings }: CheckResult): CheckReport {
  return { name, about, state: findings.length === 0 ? 'pass' : 'fail', detail, findings };
}

/** A check that cannot be made does not pass: another program may have put something else under a key. */
function failed(error: unknown): CheckResult {
  const message = error instanceof Error ? error.message : String(error);
  const finding: Finding = {
    problem: `this check could not be made: ${message}`,
    impact: 'Redis or the server went away meanwhile, or a key holds a value that Fencepost did not write',
    fix: 'run doctor again; if the result is the same, inspect the keys with redis-cli',
    commands: ['npx fencepost doctor'],
  };
  return { detail: 'not known', findings: [finding] };
}
