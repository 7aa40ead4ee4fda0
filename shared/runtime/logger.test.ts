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
