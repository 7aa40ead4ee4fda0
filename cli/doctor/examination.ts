import { redisCli } from '../where-to-look.js';
import { connectCommands } from '../../shared/store/connection.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type Check, type Finding, type Look } from './check.js';
import { redisAnswers } from './checks/redis-answers.js';
import { redisVersion } from './checks/redis-version.js';
import { serverAnswers } from './checks/server-answers.js';
import { checks } from './checks.js';
import { Patient } from './patient.js';
import { askServer } from './server-answers.js';

/** The outcome of one check. */
export interface Examined {
  readonly name: string;
  readonly about: string;
  /** `skipped`: the check could not be made; `fact` gives the reason. */
  readonly state: 'well' | 'ill' | 'skipped';
  readonly fact: string;
  readonly findings: readonly Finding[];
}

/** The output of `doctor --json`. Contract. */
export interface Examination {
  readonly ok: boolean;
  readonly checks: readonly Examined[];
}

export interface Deployment {
  readonly redisUrl: string;
  readonly serverUrl: string;
  /** The credentials of doctor, where a proxy asks for them. */
  readonly serverHeaders?: Readonly<Record<string, string>>;
}

type Named = Pick<Check, 'name' | 'about'>;

/** Looks at a deployment, and changes nothing. */
export async function examine({ redisUrl, serverUrl, serverHeaders = {} }: Deployment): Promise<Examination> {
  let lastError: Error | undefined;
  const redis = connectCommands(redisUrl, { onError: (error) => (lastError = error) });
  const patient = new Patient({
    redis,
    redisCli: redisCli(redisUrl),
    keys: partitionKeys(),
    serverUrl,
    ask: (path) => askServer(serverUrl, path, serverHeaders),
  });
  try {
    const [ping, hello] = await Promise.all([
      redisAnswers.look(redis, redisUrl, () => lastError),
      serverAnswers.look(serverUrl, patient.ask),
    ]);
    const examined = [told(redisAnswers, ping), told(serverAnswers, hello)];
    const away = new Map<'redis' | 'server', string>();
    if (ping.findings.length > 0) away.set('redis', 'Redis is away');
    if (hello.findings.length > 0) away.set('server', 'the server is away');
    const versionTold = await make(redisVersion, patient, away);
    examined.push(versionTold);
    if (versionTold.state === 'ill') away.set('redis', 'Redis is too old');
    for (const check of checks) examined.push(await make(check, patient, away));
    return { ok: examined.every(({ state }) => state !== 'ill'), checks: examined };
  } finally {
    redis.disconnect();
  }
}

async function make(
  check: Check,
  patient: Patient,
  away: ReadonlyMap<'redis' | 'server', string>,
): Promise<Examined> {
  const missing = check.needs.find((needed) => away.has(needed));
  if (missing !== undefined) {
    const { name, about } = check;
    return { name, about, state: 'skipped', fact: `not looked at: ${away.get(missing) ?? ''}`, findings: [] };
  }
  try {
    return told(check, await check.look(patient));
  } catch (error) {
    // A missing permission is a finding of the check of permissions; here the result is only not known.
    const { name, about } = check;
    if (isForbidden(error))
      return { name, about, state: 'skipped', fact: `not looked at: ${error.message}`, findings: [] };
    return told(check, failed(error));
  }
}

const isForbidden = (error: unknown): error is Error =>
  error instanceof Error && error.message.startsWith('NOPERM');

function told({ name, about }: Named, { fact, findings }: Look): Examined {
  return { name, about, state: findings.length === 0 ? 'well' : 'ill', fact, findings };
}

/** A check that cannot be made does not pass: another program may have put something else under a key. */
function failed(error: unknown): Look {
  const message = error instanceof Error ? error.message : String(error);
  const finding: Finding = {
    what: `this could not be looked at: ${message}`,
    why: 'Redis or the server went away meanwhile, or something stands under a key that Fencepost did not put there',
    mend: 'run doctor again; if it says the same, look at the keys with redis-cli',
    commands: ['npx fencepost doctor'],
  };
  return { fact: 'not known', findings: [finding] };
}
