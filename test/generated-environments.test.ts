import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentSettings, checkTransport } from '../agent/config.js';
import { stackSettings } from '../cli/stack-config.js';
import { serverSettings } from '../server/config.js';
import { checkAccess } from '../shared/client/access-settings.js';
import { ConfigError, loadConfig, type Settings } from '../shared/runtime/config.js';
import { checkFaultPlan } from '../shared/runtime/faults.js';
import { flagOf } from '../shared/runtime/flags.js';
import { seededRandom } from '../testing/random.js';

/**
 * Environments, `.env` files and flags as no operator means them. A program gets a configuration whose values
 * are all within their bounds, or one error that names each variable that is wrong; and no message holds a
 * secret.
 *
 * GENERATED_VALUES=200000 makes more of them, GENERATED_SEED=n the one that failed.
 */
const count = Number(process.env.GENERATED_VALUES ?? 2000);
const firstSeed = Number(process.env.GENERATED_SEED ?? Math.floor(Math.random() * 2 ** 30));
const runs = process.env.GENERATED_SEED === undefined ? count : 1;

const programs: Readonly<Record<string, Settings>> = {
  agent: agentSettings,
  server: serverSettings,
  stack: stackSettings,
};
/** The bounds as .env.example and --help document them. */
const bounds: Readonly<Record<string, readonly [number, number]>> = {
  PORT: [0, 65_535],
  REDIS_PORT: [1, 65_535],
  HEALTH_PORT: [1, 65_535],
  AGENTS: [0, 1000],
  AGENT_CONCURRENCY: [1, 1000],
  LEASE_MS: [1000, 86_400_000],
  GRACE_MS: [0, 86_400_000],
  MAX_BLOCK_MS: [1000, 86_400_000],
  POLL_INTERVAL: [1, 3_600_000],
  MAX_BACKLOG: [1, 2 ** 31 - 1],
  RETENTION_MS: [0, 315_360_000_000],
  RETENTION_MAX: [0, 2 ** 31 - 1],
};
/** Part of every secret that is made. */
const mark = 's3cr3tM4RK';

class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededRandom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  isLucky(probability: number): boolean {
    return this.#next() < probability;
  }

  of<T>(first: T, ...others: T[]): T {
    return [first, ...others][this.below(others.length + 1)] ?? first;
  }
}

function numberText(dice: Dice): string {
  const n = dice.of(
    0,
    1,
    2,
    999,
    1000,
    1001,
    3000,
    65_535,
    65_536,
    86_400_000,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 53,
    1e21,
  );
  return dice.of(
    `${n}`,
    `${n}`,
    `${n}`,
    `-${n}`,
    `+${n}`,
    `00${n}`,
    `${n}.0`,
    `${n}.5`,
    `${n}e1`,
    `0x${n.toString(16)}`,
    `${n}n`,
    ` ${n} `,
    `${n}ms`,
    `1_000`,
    `1,000`,
    '٣',
    '１２',
    'NaN',
    'Infinity',
    '-0',
    '',
    ' ',
    '9'.repeat(400),
  );
}

const word = (dice: Dice) =>
  dice.of(
    'true',
    'false',
    '1',
    '0',
    'yes',
    'TRUE',
    'http',
    'redis',
    'info',
    'debug',
    'INFO',
    'a',
    'a,b',
    'a:6,b:3',
    ',',
    'a b',
    'constructor',
    '__proto__',
    'start-won',
    'start-won:3',
    'start-won:0',
    '5',
    '0.5',
    '1e-3',
    '99999999',
    '5-polls',
    'production',
    'über',
    '😀',
    '\u202e',
    'x'.repeat(1 + dice.below(3) * 5000),
    '"',
    "'",
    '#',
    '$HOME',
    '${PORT}',
    'a=b',
    '%',
  );

function secretText(dice: Dice): string {
  const host = dice.of('h', 'h:1', '[::1]:1', 'h/0', 'h/16', 'h:99999', '', 'h?x', 'h/nine');
  const scheme = dice.of('redis://', 'rediss://', 'http://', 'https://', 'unix://', 'htp:/', '');
  const user = dice.of('', 'me', 'm e', '%zz', 'm@e');
  return dice.of(
    `${scheme}${user}:${mark}@${host}`,
    `${scheme}${user}:${mark}%zz@${host}`,
    `${scheme}${user}:${mark} "x@${host}`,
    mark,
    `X: ${mark}`,
    `Authorization: ${mark}`,
    `X Y: ${mark}`,
    `Host: ${mark}\nX: y`,
  );
}

const isSecret = (variable: string) => /^(REDIS_URL|SERVER_URL|FENCEPOST_\w+)$/.test(variable);

function valueFor(variable: string, dice: Dice): string {
  if (isSecret(variable))
    return dice.isLucky(0.7)
      ? secretText(dice)
      : dice.of('redis://h', 'http://h', 'http://a,http://b', 'token');
  if (dice.isLucky(0.05)) return `redis://me:${mark}@h`;
  return variable in bounds && dice.isLucky(0.9) ? numberText(dice) : word(dice);
}

interface Given {
  readonly env: Record<string, string>;
  readonly dotenv: Buffer | undefined;
  readonly argv: readonly string[];
}

function made(settings: Settings, dice: Dice): Given {
  const known = Object.values(settings).map(({ variable }) => variable);
  const some = (share: number) => known.filter(() => dice.isLucky(share));
  const env = Object.fromEntries(some(0.25).map((variable) => [variable, valueFor(variable, dice)]));
  if (dice.isLucky(0.05))
    env[dice.of('AGENT_CONCURENCY', 'RETENTION_MSS', 'REDIS_HOST', '__proto__', 'PATH')] = 'x';
  if (dice.isLucky(0.1))
    env[dice.of('REDIS_URL_FILE', 'SERVER_URL_FILE')] = dice.of('/nowhere', '/', `redis://:${mark}@h`);
  const argv = some(0.05).flatMap((variable) => {
    const [flag, value] = [flagOf(variable), valueFor(variable, dice)];
    return dice.of(
      [`${flag}=${value}`],
      [flag, value],
      [flag],
      [flag.slice(1), value],
      [`${flag}x=${value}`],
      [`-${flag.slice(2)}=${value}`],
    );
  });
  return {
    env,
    dotenv: dice.isLucky(0.4) ? dotenvOf(some(0.2), dice) : undefined,
    argv: argv.filter((one) => !['-h', '--help'].includes(one)),
  };
}

function dotenvOf(variables: readonly string[], dice: Dice): Buffer {
  const lines = variables.map((variable) => {
    const value = valueFor(variable, dice);
    return dice.of(
      `${variable}=${value}`,
      `export ${variable}=${value}`,
      `${variable}="${value}"`,
      `${variable}='${value}`,
      ` ${variable} = ${value} # x`,
      `${variable}: ${value}`,
      variable,
      `#${variable}=${value}`,
      `${variable}=${value}\n${variable}=1`,
    );
  });
  const text = lines.join(dice.of('\n', '\r\n', '\n\n', '\r'));
  const [encoding, front] = dice.of<readonly [BufferEncoding, string]>(
    ['utf8', ''],
    ['utf8', ''],
    ['utf8', '\ufeff'],
    ['utf16le', '\ufeff'],
    ['utf16le', ''],
    ['latin1', '\u00fc'],
  );
  return Buffer.from(`${front}${text}${dice.isLucky(0.05) ? '\u0000' : ''}${dice.of('', '\n')}`, encoding);
}

/** Returns what is wrong with how the input was taken, undefined when nothing is. */
function verdict(program: string, settings: Settings, given: Given, path: string): string | undefined {
  if (given.dotenv) writeFileSync(path, given.dotenv);
  else rmSync(path, { force: true });
  const check = (config: never) => [
    ...(program === 'stack' ? [] : checkFaultPlan(config)),
    ...(program === 'agent' ? [...checkTransport(config), ...checkAccess(config)] : []),
  ];
  try {
    const { env, argv } = given;
    const config = loadConfig(program, settings, {
      env,
      argv,
      dotenv: path,
      check: check as never,
      warn: () => undefined,
    });
    return outOfBounds(settings, config) ?? passedOver(settings, given);
  } catch (error) {
    if (!(error instanceof ConfigError)) return `threw ${String(error)}`;
    if (error.message.includes(mark)) return `shows a secret: ${error.message}`;
    if (error.message.length > 20_000) return 'is as long as what it complains of';
    return unnamed(settings, given, error);
  }
}

function outOfBounds(settings: Settings, config: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, { variable }] of Object.entries(settings)) {
    const value = config[name];
    const [least, most] = bounds[variable] ?? [-Infinity, Infinity];
    if (typeof value !== 'number') continue;
    if (!Number.isFinite(value) || Object.is(value, -0) || value < least || value > most)
      return `${variable} became ${value}`;
    if (variable === 'RANDOM_FAILURES' && (value < 0 || value > 1)) return `${variable} became ${value}`;
  }
  const { killAfter } = config as { killAfter?: { ms?: number } };
  return (killAfter?.ms ?? 0) < 2 ** 31 ? undefined : 'KILL_AFTER is longer than a timer';
}

/** Decides by the text itself, and not by what the programs take. The stack passes some on as they are. */
function isWrong(settings: Settings, variable: string, raw: string): boolean {
  const [least, most] = bounds[variable] ?? [];
  const setting = Object.values(settings).find((one) => one.variable === variable);
  if (least === undefined || most === undefined || raw === '' || setting?.schema.safeParse('x').success)
    return false;
  return !/^-?\d+$/.test(raw) || Number(raw) < least || Number(raw) > most;
}

const wrongIn = (settings: Settings, { env, argv }: Given) =>
  argv.length > 0
    ? []
    : Object.entries(env)
        .filter(([variable, raw]) => isWrong(settings, variable, raw))
        .map(([variable]) => variable);

function passedOver(settings: Settings, given: Given): string | undefined {
  const wrong = wrongIn(settings, given);
  return wrong.length === 0 ? undefined : `took ${wrong.join(', ')}`;
}

function unnamed(settings: Settings, given: Given, error: ConfigError): string | undefined {
  const missing = wrongIn(settings, given).filter(
    (variable) => !error.faults.some((fault) => fault.startsWith(`${variable}: `)),
  );
  return missing.length === 0 ? undefined : `does not name ${missing.join(', ')}: ${error.message}`;
}

test(`${runs} environments, .env files and lines of flags, from seed ${firstSeed}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fencepost-environments-'));
  const failures: string[] = [];
  try {
    for (let seed = firstSeed; seed < firstSeed + runs && failures.length === 0; seed++) {
      for (const [program, settings] of Object.entries(programs)) {
        const given = made(settings, new Dice(seed));
        const wrong = verdict(program, settings, given, join(folder, '.env'));
        if (wrong !== undefined) {
          const again = `GENERATED_SEED=${seed} npm test -- test/generated-environments`;
          failures.push(
            `${program}: ${wrong}`,
            JSON.stringify({ ...given, dotenv: given.dotenv?.toString('latin1') }),
            again,
          );
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(failures).toEqual([]);
});
