import { below, forGenerated, oneOf, type Random } from '../../testing/generated-values.js';
import { redactPasswords } from './redact.js';
import { readRedisUrl, redisAddress } from './redis-url.js';

const address = (url: string) => redisAddress(url);
const faultOf = (url: string) => {
  const reading = readRedisUrl(url);
  return 'fault' in reading ? reading.fault : '';
};

test.each([
  ['redis://h', { host: 'h', port: 6379, db: 0 }],
  ['redis://h/', { host: 'h', port: 6379, db: 0 }],
  ['REDIS://h:6380/3', { host: 'h', port: 6380, db: 3 }],
  ['rediss://h', { host: 'h', port: 6379, db: 0, tls: {} }],
  ['redis://[::1]:7/015', { host: '::1', port: 7, db: 15 }],
  ['redis://:p%40%25%20@h', { host: 'h', port: 6379, password: 'p@% ', db: 0 }],
  ['redis://me:a@b c@h', { host: 'h', port: 6379, username: 'me', password: 'a@b c', db: 0 }],
  ['redis://me@h', { host: 'h', port: 6379, username: 'me', password: '', db: 0 }],
  ['redis://:@h', { host: 'h', port: 6379, db: 0 }],
  ['unix:///run/a b%20#?.sock', { path: '/run/a b%20#?.sock' }],
  [' redis://h\n', { host: 'h', port: 6379, db: 0 }],
])('%s is read as it is meant', (url, wanted) => {
  expect(address(url)).toEqual(wanted);
});

test.each([
  ['', /^must be redis:/],
  ['localhost:6379', /^must be redis:/],
  ['http://h', /^must be redis:/],
  ['redis://', /^must be redis:/],
  ['redis:h', /^must be redis:/],
  ['redis:/h', /^must be redis:/],
  ['unix:/run/redis.sock', /unix:\/\/\/path/],
  ['unix://run/redis.sock', /unix:\/\/\/path/],
  ['unix:///', /^must be redis:/],
  ['redis://:abc%zz@h', /a % in its password that begins no character: write a plain % as %25/],
  ['redis://100%:x@h', /a % in its username/],
  ['redis://:%ff@h', /a % in its password/],
  ['redis://:a/b@h', /is no URL: .*%2F/],
  ['redis://:a#b@h', /is no URL: .*%23/],
  ['redis://h:70000', /is no URL/],
  ['redis://h:0', /port 0/],
  ['redis://h/nine', /number of a database/],
  ['redis://h/1/2', /number of a database/],
  ['redis://h/-1', /number of a database/],
  ['redis://h/9999999999', /number of a database/],
  ['redis://h?password=secret', /a \? or #/],
  ['redis://h/0#', /a \? or #/],
  ['redis://b\u00fccher', /no plain name: .*xn--/],
  ['redis://:se\ncret@h', /control character/],
])('%j is refused with what is wrong', (url, fault) => {
  expect(faultOf(url)).toMatch(fault);
});

const pieces = [
  ...['a', 'B', '7', '6379', '.', '-', '_', '~', '!', '$', '&', "'", '(', ')', '*', '+', ',', ';', '='],
  ...[' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}', '%', '%%', '@', ':', '/', '?', '#', '[', ']'],
  ...['\u00e9', '\u{1f600}', '\u2028', 'p\u0301', '%41', 'redis:', '***'],
];
const text = (random: Random, most: number) =>
  Array.from({ length: below(random, most + 1) }, () => oneOf(random, pieces)).join('');

interface Meant {
  readonly url: string;
  readonly address: unknown;
}

/** A URL as a careful person writes it. */
function encodedUrl(random: Random): Meant {
  const tls = random() < 0.3;
  const [host, name] = oneOf(random, [
    ['h', 'h'],
    ['redis.example.org', 'redis.example.org'],
    ['127.0.0.1', '127.0.0.1'],
    ['[fe80::1]', 'fe80::1'],
  ] as const);
  const port = random() < 0.5 ? undefined : 1 + below(random, 65_535);
  const db = random() < 0.5 ? undefined : below(random, 1000);
  const username = text(random, 3);
  const password = text(random, 6);
  // A user's name may be without a password; `***` is what a redacted one looks like.
  const signIn = `${encodeURIComponent(username)}${password === '' ? '' : `:${encodeURIComponent(password)}`}`;
  return {
    url: `${tls ? 'rediss' : 'redis'}://${signIn === '' ? '' : `${signIn}@`}${host}${port ? `:${port}` : ''}${db === undefined ? '' : `/${db}`}`,
    address: {
      host: name,
      port: port ?? 6379,
      ...(username === '' ? {} : { username }),
      ...(username === '' && password === '' ? {} : { password }),
      db: db ?? 0,
      ...(tls ? { tls: {} } : {}),
    },
  };
}

test('every URL that is encoded says what its parts said', () =>
  forGenerated(encodedUrl, ({ url, address: wanted }) => expect(address(url)).toEqual(wanted)));

/** A URL as a hurried person writes it: nothing is encoded. */
const rawUrl = (random: Random) => {
  const password = `pw-${text(random, 8)}-end`;
  const user = oneOf(random, ['', 'me', 'a.b']);
  const scheme = oneOf(random, ['redis', 'rediss', 'REDIS', 'http']);
  const host = oneOf(random, ['h', 'h:1', '', '[::1]', 'h:99999', 'h%41', '\u00fc']);
  const rest = oneOf(random, ['', '/', '/1', '/x', '?x=1', '#y', '/0?password=secret-too']);
  return { url: `${scheme}://${user}:${password}@${host}${rest}`, password, user };
};

test('every URL that is not encoded is read like any URL, or refused without showing it', () =>
  forGenerated(rawUrl, ({ url, password }) => {
    const reading = readRedisUrl(url);
    if ('fault' in reading) {
      expect(reading.fault).toMatch(/^must be redis:/);
      expect(reading.fault).not.toContain('pw-');
      return;
    }
    const { username, password: seen } = new URL(url);
    expect(reading.address).toMatchObject({
      password: decodeURIComponent(seen),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    });
    // The parser reads the password that was meant, unless an escape stood in it.
    if (!password.includes('%')) expect(reading.address).toMatchObject({ password });
  }));

test('no password is shown: not by itself, not in a message, and not in a line of JSON', () =>
  forGenerated(rawUrl, ({ url, password, user }) => {
    const hidden = (shown: string) => {
      expect(shown).not.toContain('pw-');
      expect(shown).not.toContain('-end');
      expect(shown).not.toContain('secret-too');
      if (user !== '') expect(shown).toContain(user);
    };
    // A scheme inside a password ends what can be taken for a URL.
    if (password.includes('://')) return;
    hidden(redactPasswords(url));
    const message = redactPasswords(`before ${url} after`);
    hidden(message);
    expect(message).toMatch(/^before .* after$/su);
    const line = redactPasswords(JSON.stringify({ url, msg: `lost ${url}`, next: 'a@b' }));
    hidden(line);
    expect(JSON.parse(line)).toMatchObject({ next: 'a@b' });
  }));
