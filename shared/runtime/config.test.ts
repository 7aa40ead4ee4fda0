import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { boolean, ConfigError, helpText, integer, loadConfig, setting } from './config.js';
import { sharedSettings } from './settings.js';

const settings = {
  port: setting('PORT', integer(0, 65_535).default(3000), 'where the server listens'),
  concurrency: setting('AGENT_CONCURRENCY', integer(1, 1000).default(1), 'commands at a time'),
  failures: setting('RANDOM_FAILURES', boolean().default(false), 'crash now and then'),
  redisUrl: sharedSettings.redisUrl,
  redisPort: setting('REDIS_PORT', integer(0, 65_535).optional(), 'port of our own Redis'),
} as const;

const load = (env: Record<string, string>, argv: string[] = [], dotenv = '/nowhere/.env') =>
  loadConfig('npm start', settings, { env, argv, dotenv });

function faultsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  test('a flag beats a variable, a variable beats .env, and that beats the default', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fencepost-config-'));
    const dotenv = join(folder, '.env');
    writeFileSync(dotenv, 'PORT=1001\nAGENT_CONCURRENCY=3 # three\n');
    try {
      expect(load({}).port).toBe(3000);
      expect(load({}, [], dotenv)).toMatchObject({ port: 1001, concurrency: 3 });
      expect(load({ PORT: '1002' }, [], dotenv).port).toBe(1002);
      expect(load({ PORT: '1002' }, ['--port', '1003'], dotenv).port).toBe(1003);
      expect(load({ PORT: '' }).port).toBe(3000);
      writeFileSync(dotenv, 'PORT=x\n');
      expect(faultsOf(() => load({}, [], dotenv))).toEqual([
        'PORT in .env: must be a whole number from 0 to 65535, but is "x"',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is typed and frozen', () => {
    const config = load({}, ['--random-failures']);
    const port: number = config.port;
    const failures: boolean = config.failures;
    expect([port, failures]).toEqual([3000, true]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('all faults are listed at once', () => {
    expect(
      faultsOf(() => load({ PORT: 'http', AGENT_CONCURRENCY: '0', RANDOM_FAILURES: 'maybe' }, ['--porrt=1'])),
    ).toEqual([
      'unknown flag --porrt, did you mean --port?',
      'PORT: must be a whole number from 0 to 65535, but is "http"',
      'AGENT_CONCURRENCY: must be a whole number from 1 to 1000, but is "0"',
      'RANDOM_FAILURES: must be true or false, but is "maybe"',
    ]);
    expect(faultsOf(() => load({}, ['--port=70000']))).toEqual([
      '--port: must be a whole number from 0 to 65535, but is "70000"',
    ]);
  });

  test('a misspelt variable is refused', () => {
    expect(faultsOf(() => load({ AGENT_CONCURENCY: '4' }))).toEqual([
      'unknown variable AGENT_CONCURENCY, did you mean AGENT_CONCURRENCY?',
    ]);
  });

  test.each([
    'REDIS_HOST',
    'REDIS_PASSWORD',
    'PORTS',
    'HOSTNAME',
    'AGENT',
    'AGENT_HOME',
    'CONCURRENCY',
    'npm_config_port',
  ])('the foreign variable %s is not our business', (name) => {
    expect(faultsOf(() => load({ [name]: 'x' }))).toEqual([]);
  });

  test('a variable like one of ours that is set as well is not our business', () => {
    expect(faultsOf(() => load({ REDIS_URI: 'x', REDIS_URL: 'redis://h' }))).toEqual([]);
  });

  test.each(['redis://localhost', 'redis://:pw@h:6380/2', 'rediss://u:p@h', 'unix:///run/redis.sock'])(
    'REDIS_URL may be %s',
    (url) => {
      expect(load({ REDIS_URL: url }).redisUrl).toBe(url);
    },
  );

  test.each(['localhost:6379', 'http://:secret@h', 'redis://', 'unix://', 'redis://:secret@h/nine'])(
    'REDIS_URL may not be %s, and is not shown, since it may hold a password',
    (url) => {
      const faults = faultsOf(() => load({ REDIS_URL: url }));
      expect(faults).toEqual([expect.stringMatching(/^REDIS_URL: must be redis:\/\/host:port/) as string]);
      expect(faults.join()).not.toContain('secret');
    },
  );

  test('rules across settings are checked once each value is fine', () => {
    const check = (config: { port: number; redisPort: number | undefined }) =>
      config.port === config.redisPort ? ['PORT and REDIS_PORT must differ'] : [];
    const options = { argv: [], dotenv: '/nowhere/.env', check };
    expect(faultsOf(() => loadConfig('x', settings, { ...options, env: { REDIS_PORT: '3000' } }))).toEqual([
      'PORT and REDIS_PORT must differ',
    ]);
    expect(faultsOf(() => loadConfig('x', settings, { ...options, env: { REDIS_PORT: '6400' } }))).toEqual(
      [],
    );
  });

  describe('.env', () => {
    let folder: string;
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-config-'))));
    afterEach(() => rmSync(folder, { recursive: true }));
    const write = (bytes: Uint8Array | string) => {
      writeFileSync(join(folder, '.env'), bytes);
      return join(folder, '.env');
    };

    test('may have a byte order mark, carriage returns, quotes and "export"', () => {
      const path = write('\ufeffPORT=1001\r\nexport AGENT_CONCURRENCY="3"\r\n');
      expect(load({}, [], path)).toMatchObject({ port: 1001, concurrency: 3 });
    });

    test('may have lines that end in \\r, as old Macs wrote them', () => {
      const path = write('PORT=1001\rAGENT_CONCURRENCY=3\r');
      expect(load({}, [], path)).toMatchObject({ port: 1001, concurrency: 3 });
    });

    test.each([
      ['UTF-16', Buffer.from('\ufeffPORT=1001\n', 'utf16le'), '.env is UTF-16: save it as UTF-8'],
      [
        'NUL bytes',
        'PORT=10\u000001\n',
        '.env holds NUL bytes, as no text does but UTF-16: save it as UTF-8',
      ],
      ['Latin-1', Buffer.from('# für\n', 'latin1'), '.env is not UTF-8: save it as UTF-8'],
      ['a line without =', 'PORT: 3001\n', '.env: PORT has no value there; write PORT=…'],
      [
        'a line with nothing else',
        'export REDIS_URL\n',
        '.env: REDIS_URL has no value there; write REDIS_URL=…',
      ],
    ])('with %s stops the start', (_, bytes, fault) => {
      expect(faultsOf(() => load({}, [], write(bytes)))).toEqual([fault]);
    });

    test.each(['# PORT 3001\n', 'PORT =1001\n', 'OTHER: 3\n', 'PORT=1001\nPORT: 3\n'])(
      '%j is no fault',
      (text) => {
        expect(() => load({}, [], write(text))).not.toThrow();
      },
    );
  });

  describe('a secret in a file', () => {
    let path: string;
    beforeEach(() => (path = join(mkdtempSync(join(tmpdir(), 'fencepost-secret-')), 'url')));
    afterEach(() => rmSync(dirname(path), { recursive: true }));
    const url = 'redis://:s3cret@h';
    const warnings: string[] = [];
    const loadWith = (env: Record<string, string>, argv: string[] = []) => {
      warnings.length = 0;
      const warn = (line: string) => void warnings.push(line);
      return loadConfig('x', settings, { env, argv, dotenv: '/nowhere/.env', warn });
    };

    test.each([`${url}\n`, `${url}\r\n`, url, `\ufeff${url}\n`])(
      'is read without the line feed: %j',
      (text) => {
        writeFileSync(path, text, { mode: 0o600 });
        expect(loadWith({ REDIS_URL_FILE: path }).redisUrl).toBe(url);
        expect(loadWith({}, ['--redis-url-file', path]).redisUrl).toBe(url);
        expect(loadWith({ REDIS_URL_FILE: path }, ['--redis-url', 'redis://flag']).redisUrl).toBe(
          'redis://flag',
        );
        expect(warnings).toEqual([]);
      },
    );

    test('that every user can read is warned of', () => {
      writeFileSync(path, url);
      chmodSync(path, 0o644);
      loadWith({ REDIS_URL_FILE: path });
      expect(warnings).toEqual([
        `REDIS_URL_FILE: every user of this machine can read "${path}"; chmod 600 it`,
      ]);
    });

    test.each([
      ['', 'is empty'],
      ['\n', 'is empty'],
      [Buffer.from(url, 'utf16le'), 'holds NUL bytes'],
    ])('that is none is a fault: %j', (text, fault) => {
      writeFileSync(path, text, { mode: 0o600 });
      expect(faultsOf(() => loadWith({ REDIS_URL_FILE: path }))).toEqual([expect.stringContaining(fault)]);
    });

    test('may not be given beside the variable itself, and is not shown when it is wrong', () => {
      writeFileSync(path, 'http://:s3cret@h', { mode: 0o600 });
      expect(faultsOf(() => loadWith({ REDIS_URL: url, REDIS_URL_FILE: path }))).toEqual([
        'REDIS_URL and REDIS_URL_FILE are both set: unset one of them',
      ]);
      const [fault, ...others] = faultsOf(() => loadWith({ REDIS_URL_FILE: path }));
      expect(fault).toMatch(/^the file that REDIS_URL_FILE names: must be redis:/);
      expect([fault, others]).toEqual([expect.not.stringContaining('s3cret'), []]);
      expect(faultsOf(() => loadWith({ REDIS_URL_FILE: url }))).toEqual([
        'REDIS_URL_FILE: "redis://…" cannot be read (ENOENT)',
      ]);
    });
  });

  test('--help lists every setting with its default', () => {
    const help = helpText('npm start', settings);
    expect(help).toContain('--port               PORT               where the server listens, 3000 if unset');
    expect(help).toContain('--agent-concurrency  AGENT_CONCURRENCY  commands at a time, 1 if unset');
    expect(help).toContain('--redis-url');
  });
});
