import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { limits } from '../shared/protocol/commands.js';
import { defineCommand } from './commands/define-command.js';
import type * as CommandTypeModule from './commands/command-type.js';
import { type CommandType, ExecutionError } from './commands/command-type.js';
import { completion, failure, refusal } from './outcome.js';

const typeOf = (result: z.ZodType): CommandType =>
  defineCommand({ type: 'T', payload: z.unknown(), result, execute: () => Promise.resolve<unknown>(null) });
const anything = typeOf(z.unknown());

const yearMs = 365 * 24 * 3600 * 1000;
const thrown = (error: unknown) => failure('EXECUTION_FAILED', error);

const getterThatThrows = {
  get(): never {
    throw new Error('do not look');
  },
};
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

describe('retryAfterMs', () => {
  test.each([
    ['a whole number', 7, 7],
    ['a fraction, which is not shortened', 1234.5678, 1235],
    ['less than nothing', -5, 0],
    ['a hair less than nothing', -0.5, 0],
    ['for ever', Infinity, yearMs],
    ['longer than a command can be postponed', 1e20, yearMs],
    ['nothing', undefined, 0],
  ])('that is %s: %p', (_what, retryAfterMs, pauseMs) => {
    const outcome = thrown(Object.assign(new ExecutionError('busy'), { retryAfterMs }));
    expect(outcome).toMatchObject({ message: 'busy', retryable: true, pauseMs });
    expect(outcome).not.toMatchObject({ pauseMs: -0 });
  });

  test.each([[NaN], ['120'], [5n], [Symbol('soon')], [{ valueOf: (): number => 5 }]])(
    'that is no number counts as 0, and the error says so: %p',
    (retryAfterMs) => {
      const outcome = thrown(Object.assign(new ExecutionError('busy'), { retryAfterMs }));
      const message = 'busy (its retryAfterMs is not a number, and counts as 0)';
      expect(outcome).toMatchObject({ message, pauseMs: 0 });
    },
  );
});

describe('the result of a failed attempt', () => {
  test('is stored beside the error', () => {
    const outcome = thrown(new ExecutionError('gone', { result: { status: 410 }, retryable: false }));
    expect(outcome).toMatchObject({ message: 'gone', result: '{"status":410}', retryable: false });
  });

  test.each([
    [
      'a BigInt',
      10n,
      /^no \(its result is no JSON \(Do not know how to serialize a BigInt\), so it is not stored\)$/,
    ],
    ['made of itself', cyclic, /^no \(its result is no JSON \(Converting circular structure to JSON\)/],
    ['a function', () => 1, /^no \(its result is no JSON, so/],
    [
      'too large',
      'x'.repeat(3_000_000),
      /has 3000002 bytes as JSON, and may have 1048576, so it is not stored/,
    ],
    ['too deep', nested(61), /may be nested 60 levels deep, so it is not stored/],
    [
      'what throws when it is read',
      Object.defineProperty({}, 'a', { ...getterThatThrows, enumerable: true }),
      /do not look/,
    ],
  ])('that is %s is left out, and the error says so', (_what, result, message) => {
    const outcome = thrown(Object.assign(new ExecutionError('no', { retryable: false }), { result }));
    expect(outcome).toMatchObject({ result: undefined, retryable: false });
    expect(outcome).toHaveProperty('message', expect.stringMatching(message));
  });
});

describe('what is thrown', () => {
  test.each<[string, unknown, string]>([
    ['an error', new Error('boom'), 'boom'],
    ['an error of another realm', runInNewContext('new TypeError("elsewhere")'), 'elsewhere'],
    ['a text', 'boom', 'boom'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['a number', 7, '7'],
    ['a BigInt', 7n, '7'],
    ['an error that is its own cause', ownCause(), 'round'],
    ['several errors in one', new AggregateError([new Error('a'), new Error('b')], 'both'), 'both'],
    ['an object that looks like an error', { message: 'looks like it' }, 'looks like it'],
    [
      'an error whose message is no text',
      Object.assign(new Error('x'), { message: { code: 1 } }),
      'Error without a message',
    ],
    ['an error without a message', new TypeError(''), 'TypeError without a message'],
    ['an object without a prototype', Object.create(null), 'what was thrown cannot be shown'],
    [
      'an error that throws when it is read',
      Object.defineProperty(new Error('x'), 'message', getterThatThrows),
      'what was thrown cannot be shown',
    ],
    ['a proxy that was revoked', revoked(), 'what was thrown cannot be shown'],
  ])('%s', (_what, error, message) => {
    expect(thrown(error)).toEqual({
      status: 'FAILED',
      code: 'EXECUTION_FAILED',
      message,
      executed: 'yes',
      retryable: true,
      pauseMs: 0,
    });
  });

  test('keeps 4,096 characters of its message, and cuts none of them through', () => {
    const outcome = thrown(new Error(`a${'😀'.repeat(3000)}`));
    expect(outcome).toMatchObject({ message: `a${'😀'.repeat(2047)}` });
    expect(thrown(new Error('a\ud83d b'))).toMatchObject({ message: 'a\ufffd b' });
    expect(refusal('INVALID_PAYLOAD', 'x'.repeat(9000))).toMatchObject({ message: 'x'.repeat(4096) });
  });

  test('may have a message of 20 MB', () => {
    expect(thrown(new Error('x'.repeat(20_000_000)))).toMatchObject({ message: 'x'.repeat(4096) });
  });

  test('keeps what was left out within those characters', () => {
    const { message } = thrown(Object.assign(new ExecutionError('x'.repeat(9000)), { result: 1n })) as {
      message: string;
    };
    expect(message).toHaveLength(limits.messageChars);
    expect(message).toMatch(/x \(its result is no JSON .*not stored\)$/);
  });
});

describe('an ExecutionError is known', () => {
  const details = { retryable: false, retryAfterMs: 7, result: { status: 410 } };
  const expected = { message: 'permanent', retryable: false, pauseMs: 7, result: '{"status":410}' };

  test('of another copy of the package, also when its class was extended and renamed', async () => {
    const other = await copyOfCommandType();
    class Permanent extends other.ExecutionError {
      override readonly name = 'Permanent';
    }
    expect(new Permanent('x')).not.toBeInstanceOf(ExecutionError);
    expect(thrown(new Permanent('permanent', details))).toMatchObject(expected);
  });

  test('by its name: of a version without a mark, or where the package cannot be imported', () => {
    const error = Object.assign(new Error('permanent'), details, { name: 'ExecutionError' });
    expect(thrown(error)).toMatchObject(expected);
  });

  test('when it is frozen, or behind a proxy', () => {
    const error = new ExecutionError('permanent', details);
    expect(thrown(new Proxy(error, {}))).toMatchObject(expected);
    expect(thrown(Object.freeze(error))).toMatchObject(expected);
  });

  test('and any other error with the same fields is none', () => {
    expect(thrown(Object.assign(new Error('x'), details))).toMatchObject({ retryable: true, pauseMs: 0 });
  });
});

describe('a result', () => {
  test.each([
    ['z.void()', z.void()],
    ['z.undefined()', z.undefined()],
    ['z.any()', z.any()],
    ['an optional one', z.object({}).optional()],
  ])('of a handler that returns nothing is null where its type takes that: %s', (_what, schema) => {
    expect(completion(typeOf(schema), undefined)).toEqual({ status: 'COMPLETED', result: 'null' });
  });

  test('that does not fit its type may be tried again: the next one may fit', () => {
    expect(completion(typeOf(z.object({ n: z.int() })), undefined)).toMatchObject({
      code: 'EXECUTION_FAILED',
      message: expect.stringContaining("the handler's result does not fit its type: ") as string,
      executed: 'yes',
      retryable: true,
    });
  });

  test.each([
    ['what JSON cannot say', () => 1, "the handler's result is no JSON"],
    [
      'too large',
      'x'.repeat(limits.resultBytes),
      "the handler's result has 1048578 bytes as JSON, and may have 1048576",
    ],
    ['deeper than a server takes it', nested(61), "the handler's result may be nested 60 levels deep"],
    ['a BigInt', { id: 5n }, "the handler's result is no JSON (Do not know how to serialize a BigInt)"],
    ['made of itself', cyclic, "the handler's result is no JSON (Converting circular structure to JSON)"],
    [
      'a proxy that was revoked',
      revoked(),
      "the handler's result is no JSON (Cannot perform 'get' on a proxy that has been revoked)",
    ],
    [
      'what throws as JSON',
      { toJSON: () => getterThatThrows.get() },
      "the handler's result is no JSON (do not look)",
    ],
    ['nothing as JSON', { toJSON: () => undefined }, "the handler's result is no JSON"],
  ])('that is %s fails, executed, and is not tried again: its effect is there', (_what, result, message) => {
    expect(completion(anything, result)).toMatchObject({
      code: 'EXECUTION_FAILED',
      message,
      executed: 'yes',
      retryable: false,
    });
  });

  test('is kept as the handler gave it, up to the bounds', () => {
    const deepest = completion(anything, nested(60));
    expect(deepest).toEqual({ status: 'COMPLETED', result: JSON.stringify(nested(60)) });
    const odd = JSON.parse('{"__proto__":1,"s":"\\ud83d"}') as unknown;
    expect(completion(anything, odd)).toEqual({ status: 'COMPLETED', result: JSON.stringify(odd) });
  });

  // oxlint-disable-next-line eslint/no-sparse-arrays -- handlers of users return anything
  const sparse = [1, , 3];
  test.each<[string, unknown, string]>([
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['bytes', Buffer.from('a'), '{"type":"Buffer","data":[97]}'],
    ['a sparse array', sparse, '[1,null,3]'],
    ['an empty object in an empty array', [[{}]], '[[{}]]'],
    ['a NUL', '\0', '"\\u0000"'],
    ['half a surrogate pair', '\ud83d', '"\\ud83d"'],
    ['an emoji', '😀', '"😀"'],
  ])('may be %s', (_what, result, text) => {
    expect(completion(anything, result)).toEqual({ status: 'COMPLETED', result: text });
  });

  test('whose schema throws fails the command', () => {
    const type = typeOf(
      z.unknown().refine(() => {
        throw new Error('oops');
      }),
    );
    const message = 'the definition of T failed at this result: oops';
    expect(completion(type, 1)).toMatchObject({ code: 'EXECUTION_FAILED', message, executed: 'yes' });
  });
});

function ownCause(): Error {
  const error = new Error('round');
  error.cause = error;
  return error;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
  revoke();
  return proxy;
}

/** The same file once more, as a package of its own would have it. */
async function copyOfCommandType(): Promise<typeof CommandTypeModule> {
  let copy: typeof CommandTypeModule | undefined;
  await jest.isolateModulesAsync(async () => {
    copy = await import('./commands/command-type.js');
  });
  if (!copy) throw new Error('not imported');
  return copy;
}
