import { createLogger } from './logger.js';
import { redactPasswords } from './redact.js';

function logged(pretty: boolean, write: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  const destination = { write: (chunk: string) => void (text += chunk) };
  write(createLogger({ side: 'stack', level: 'info', pretty, destination }));
  return text;
}

describe('the logger', () => {
  test('writes one JSON object per line, with side and pid', () => {
    const line = logged(false, (logger) => logger.info({ port: 1 }, 'up'));
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      side: 'stack',
      pid: process.pid,
      port: 1,
      msg: 'up',
    });
    expect(line.endsWith('\n')).toBe(true);
  });

  test('leaves out what is below its level', () => {
    expect(logged(false, (logger) => logger.debug('noise'))).toBe('');
  });

  test('readable lines obey nothing that is in them, and stay one each; a stack keeps its lines', () => {
    const evil = '\u001b]0;PWNED\u0007\nmade up\u202e';
    const text = logged(true, (logger) => {
      logger.info({ host: evil, nested: { [evil]: evil } }, evil);
      logger.error({ err: new Error(evil) }, 'failed');
    });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(text).not.toMatch(/^made up/m);
    expect(text).toContain('\\u001b]0;PWNED\\u0007\\nmade up\\u202e');
    expect(text).toMatch(/^ +at /m);
  });

  const itself: { self?: unknown } = {};
  itself.self = itself;
  test.each<[string, object]>([
    ['a BigInt', { n: 5n }],
    ['what is made of itself', itself],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { n: 1 })],
    ['5 MB', { text: 'x'.repeat(5_000_000) }],
  ])('a handler may log %s: it is one line, with its message', (_what, fields) => {
    const line = logged(false, (logger) => logger.info(fields, 'odd'));
    expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'odd' });
    expect(line.indexOf('\n')).toBe(line.length - 1);
  });

  test('the message of a cause that is in that of its error is not said twice', () => {
    const cause = new Error('connect ECONNREFUSED');
    const err = new Error('http://h: connect ECONNREFUSED', { cause });
    const line = JSON.parse(logged(false, (logger) => logger.error({ err }, 'failed'))) as object;
    expect(line).toMatchObject({ err: { message: err.message, cause: { message: cause.message } } });
  });

  test.each([true, false])('takes passwords out of fields, messages and errors (pretty: %s)', (pretty) => {
    const url = 'redis://me:s3cr3t@host:6379';
    const text = logged(pretty, (logger) =>
      logger.error({ url, err: new Error(`cannot reach ${url}`) }, `lost ${url}`),
    );
    expect(text).not.toContain('s3cr3t');
    expect(text).toContain('redis://me:***@host:6379');
  });
});

test.each([
  ['redis://:pw@h', 'redis://:***@h'],
  ['redis://u:p@ss@h/1', 'redis://u:***@h/1'],
  ['{"a":"redis://u:p@h","b":"x:y@z"}', '{"a":"redis://u:***@h","b":"x:y@z"}'],
  ['http://localhost:3000/a and b@c.d', 'http://localhost:3000/a and b@c.d'],
  ['http://localhost:3000/users/@me', 'http://localhost:3000/users/@me'],
])('redactPasswords(%j) is %j', (text, wanted) => {
  expect(redactPasswords(text)).toBe(wanted);
});
