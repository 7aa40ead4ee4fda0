import { anyJson, anyString, oneOf, type Random } from './generated-values.js';

/** Generates anything that JavaScript can hold: what handlers return, throw and attach (see `generated-values.ts`). */

function thrower(): never {
  throw new Error('a getter that throws');
}

const everyTrap: ProxyHandler<object> = Object.fromEntries(
  Reflect.ownKeys(Reflect)
    .filter((name): name is string => typeof name === 'string')
    .map((name) => [name, thrower]),
);

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function cyclic(random: Random): object {
  const ring: Record<string, unknown> = { a: anyJson(random, 1) };
  ring.ring = random() < 0.5 ? ring : [{ deeper: ring }];
  return ring;
}

function deepArray(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

const oddities: readonly ((random: Random) => unknown)[] = [
  () => undefined,
  () => NaN,
  () => Infinity,
  () => -Infinity,
  () => 10n,
  () => -(2n ** 80n),
  () => Symbol('own'),
  () => Symbol.for('fencepost.any'),
  () => Symbol.iterator,
  () => () => 1,
  () => async () => Promise.resolve(),
  () => class {},
  () => Object.create(null) as unknown,
  () => Object.assign(Object.create(null), { a: 1, message: 'null prototype' }) as unknown,
  () => new Date(NaN),
  () => new Date(0),
  () => /x/g,
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => Buffer.from('bytes'),
  () => new Uint8Array(3),
  () => new ArrayBuffer(8),
  () => Promise.resolve(1),
  () => new Boolean(false),
  () => new Number(NaN),
  () => new String('boxed'),
  () => Object(5n) as unknown,
  () => globalThis.process.env,
  () => new Proxy({}, {}),
  () => new Proxy({}, everyTrap),
  () => new Proxy([], everyTrap),
  () => new Proxy(() => 1, everyTrap),
  revoked,
  cyclic,
  () => deepArray(70),
  () => deepArray(20_000),
  () => new Array<unknown>(5),
  () => Object.assign([1, 2], { more: 3 }),
  () => 'x'.repeat(2_000_000),
  () => Array.from({ length: 5000 }, (_, i) => ({ i })),
  () => ({ get a() { return thrower(); } }), // prettier-ignore
  () => ({ toJSON: thrower }),
  () => ({ toJSON: () => undefined }),
  () => ({ toJSON: () => 5n }),
  () => ({ toJSON: 5 }),
  () => ({ toString: thrower, valueOf: thrower }),
  () => ({ get [Symbol.toStringTag]() { return thrower(); } }), // prettier-ignore
  () => ({ [Symbol.toPrimitive]: thrower }),
  () => ({ a: undefined, b: () => 1, c: Symbol('c'), 1: NaN }),
];

/** Any JavaScript value, and JSON among them. @param depth most levels that it adds around an oddity */
export function anyValue(random: Random, depth = 3): unknown {
  const kind = Math.floor(random() * 10);
  if (kind < 4) return anyJson(random);
  if (kind < 8 || depth === 0) return oneOf(random, oddities)(random);
  if (kind === 8) {
    const inner = anyValue(random, depth - 1);
    return oneOf<(value: unknown) => unknown>(random, [
      (value) => [value],
      (value) => ({ value }),
      (value) => Object.freeze({ value }),
      (value) => new Proxy({ value }, {}),
    ])(inner);
  }
  return anyThrown(random, depth - 1);
}

/** Returns anything that may be thrown: mostly errors of every kind, with oddities where an error has its text. */
export function anyThrown(random: Random, depth = 3): unknown {
  const kind = Math.floor(random() * 10);
  if (kind < 2) return anyValue(random, depth > 0 ? depth - 1 : 0);
  const message = anyString(random);
  const error = oneOf<() => Error>(random, [
    () => new Error(message),
    () => new TypeError(message),
    () => new AggregateError([new Error('a')], message),
    () => new DOMException(message),
    () => new Error(message, { cause: cyclic(random) }),
  ])();
  if (kind < 4) return error;
  for (const name of [
    // First: it is made when it is first touched, out of the others.
    'stack',
    'message',
    'name',
    'cause',
    'toString',
    'retryable',
    'retryAfterMs',
    'result',
  ]) {
    if (random() < 0.7) continue;
    const value = anyValue(random, 0);
    const property = random() < 0.2 ? { get: thrower } : { value };
    Reflect.defineProperty(error, name, { ...property, configurable: true, enumerable: true });
  }
  return oneOf<(value: Error) => unknown>(random, [
    (value) => value,
    (value) => Object.freeze(value),
    (value) => new Proxy(value, {}),
    (value) => Object.setPrototypeOf(value, null) as Error,
  ])(error);
}
