import { Command, type Redis } from 'ioredis';
import { below, diceOf, generatedCount, oneOf, reproductionOf } from '../../testing/generated-values.js';
import { TestRedis } from '../../testing/redis-server.js';
import { callScript, shaOf } from './scripts.js';
import { ScriptCommand } from './script-command.js';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
afterAll(() => redis.stop());

const echo = `return {KEYS, ARGV}`;

async function echoed(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
  const sha = String(await client.script('LOAD', echo));
  return client.sendCommand(new ScriptCommand('evalsha', sha, keys, args));
}

test.each<[string, (string | number)[]]>([
  ['nothing', []],
  ['an empty text', ['']],
  ['line breaks, and what looks like the protocol', ['a\r\nb', '$3\r\nfoo\r\n', '*1\r\n', '\r', '\n']],
  ['numbers', [0, -1, 1.5, 1e21, Number.MAX_SAFE_INTEGER]],
  ['text that is longer in bytes than in characters', ['ü', 'a', '€', '\u{1f600}', 'naïve']],
  ['a NUL', ['\0', 'a\0b']],
  ['a megabyte', ['x'.repeat(1024 * 1024), 'ß'.repeat(1024 * 1024)]],
  ['a thousand arguments', Array.from({ length: 1000 }, (_, i) => i)],
])('Redis is sent %s as it is', async (_what, args) => {
  expect(await echoed(['fencepost:{0}:', 'k'], args)).toEqual([['fencepost:{0}:', 'k'], args.map(String)]);
});

test('half of a pair of surrogates arrives as ioredis sends it', async () => {
  const sha = String(await client.script('LOAD', echo));
  const args = ['\ud800', 'a\udc00b', 'plain'];
  expect(await echoed(['k'], args)).toEqual(await client.evalsha(sha, 1, 'k', ...args));
});

test(`writes the very bytes that ioredis writes, for ${generatedCount} generated lists of arguments`, () => {
  const letters = ['a', 'Z', '0', ' ', '\r\n', '$', 'é', '漢', '\u{1f600}', '\ud83d', '"', '\0'] as const;
  const wrong: string[] = [];
  for (let index = 0; index < generatedCount; index++) {
    const random = diceOf(index);
    const text = () => Array.from({ length: below(random, 12) }, () => oneOf(random, letters)).join('');
    const args = Array.from({ length: below(random, 20) }, () =>
      random() < 0.2 ? below(random, 1e9) : text(),
    );
    const own = new ScriptCommand('evalsha', 'f'.repeat(40), ['k'], args).toWritable();
    const theirs = new Command('evalsha', ['f'.repeat(40), '1', 'k', ...args.map(String)]).toWritable({});
    if (!Buffer.from(own).equals(Buffer.from(theirs))) wrong.push(reproductionOf(index));
  }
  expect(wrong).toEqual([]);
});

test('an error of the script is the error of the call, without its arguments', async () => {
  const call = callScript(client, 'report', 'fencepost:{0}:', ['no number', 'secret payload']);
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ message: expect.stringContaining('must be a whole number') as string });
  expect(JSON.stringify(error).includes('secret payload')).toBe(false);
});

test('a Redis that does not know the script is sent its text', async () => {
  await client.script('FLUSH');
  const unknown = client.sendCommand(new ScriptCommand('evalsha', shaOf('report'), ['fencepost:{0}:'], [0]));
  await expect(unknown).rejects.toThrow('NOSCRIPT');
  expect(await callScript(client, 'report', 'fencepost:{0}:', [0])).toEqual([expect.any(Number), []]);
});
