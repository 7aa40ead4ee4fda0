import { limits, submissionSchema } from '../../shared/protocol/commands.js';
import { seededRandom } from '../../testing/random.js';
import { parseFast } from './submission-fast-path.js';

const delay = { type: 'DELAY', payload: { ms: 1 } };
const full = {
  ...{ ...delay, queue: 'q-1', timeoutMs: 5, ttlMs: 6, delayMs: 0 },
  ...{ onAgentLost: 'retry', maxLosses: 1, maxAttempts: 100 },
};

test.each<[string, object]>([
  ['the least there is', delay],
  ['every field but runAt', full],
  ['a payload that is no object', { ...delay, payload: null }],
  [
    'a payload with names that objects have',
    JSON.parse('{"type":"X","payload":{"__proto__":{"a":[1]}}}') as object,
  ],
])('takes %s, as it came', (_what, body) => {
  const text = JSON.stringify((body as { payload: unknown }).payload);
  expect(parseFast(body)).toEqual({ submission: body, payloadText: text });
});

test.each<[string, unknown]>([
  ['runAt, which has rules that JSON Schema cannot say', { ...delay, runAt: '2026-01-31T12:00:00Z' }],
  [
    'a payload of too many bytes, though not of characters',
    { ...delay, payload: '\u20ac'.repeat(limits.payloadBytes / 2) },
  ],
  ['no payload', { type: 'DELAY' }],
  ['no object', [delay]],
  ['nothing', undefined],
])('leaves %s to the schema', (_what, body) => {
  expect(parseFast(body)).toBeUndefined();
});

/** Values that may stand in any field, right and wrong. */
const values = [
  ...[0, 1, -0, -1, 1.5, 100, 101, 1e300, 2_592_000_000, 2_592_000_001, 31_536_000_001, 2 ** 53],
  ...[
    '',
    'x',
    'fail',
    'retry',
    'a/b',
    'q'.repeat(64),
    'q'.repeat(65),
    'q\n',
    '\ud83d\ude00',
    '5',
    '2026-01-31T12:00:00Z',
  ],
  ...[null, true, [], [1, [2]], {}, { a: { b: [null, 1e99] } }, 'x'.repeat(limits.payloadBytes - 2)],
  'x'.repeat(limits.payloadBytes - 1),
];

test('takes nothing that the schema does not take, nor as anything else', () => {
  const random = seededRandom(7);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const names = [...Object.keys(submissionSchema.shape), '__proto__', 'constructor', 'x'];
  let taken = 0;
  for (let i = 0; i < 20_000; i++) {
    const entries: [string, unknown][] = Object.entries(random() < 0.5 ? full : delay).filter(
      () => random() < 0.9,
    );
    for (let more = Math.floor(random() * 3); more > 0; more--) entries.push([pick(names), pick(values)]);
    const body = Object.fromEntries(entries);
    const usual = parseFast(body);
    if (!usual) continue;
    taken++;
    const { data } = submissionSchema.safeParse(body);
    expect(data).toEqual(usual.submission);
    expect(usual.payloadText).toBe(JSON.stringify(data?.payload));
  }
  expect(taken).toBeGreaterThan(2000);
});
