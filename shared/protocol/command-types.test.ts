import { timeoutOf, typeTimeoutSchema } from './command-types.js';

const byMs = { payloadField: 'ms', plusMs: 60_000 };

test.each<[string, Parameters<typeof timeoutOf>, number | undefined]>([
  ['a number is what it is', [5000, {}], 5000],
  ['a field of the payload, and more', [byMs, { ms: 1500 }], 61_500],
  ['a fraction is rounded up', [byMs, { ms: 0.5 }], 60_001],
  ['is unknown for a payload without the field', [byMs, {}], undefined],
  ['is unknown for a payload that is not an object', [byMs, null], undefined],
  ['is unknown for a value that is not a number', [byMs, { ms: '7' }], undefined],
  ['is unknown for a negative number', [byMs, { ms: -1 }], undefined],
  ['what an object inherits does not count', [{ payloadField: 'constructor', plusMs: 1 }, {}], undefined],
])('the time of a type: %s', (_, [timeout, payload], expected) => {
  expect(timeoutOf(timeout, payload)).toBe(expected);
});

test.each([0, 1.5, '1', { payloadField: '', plusMs: 1 }, { payloadField: 'ms' }, { ...byMs, times: 2 }])(
  '%j is none',
  (timeout) => {
    expect(typeTimeoutSchema.safeParse(timeout).success).toBe(false);
  },
);
