import { z } from 'zod';
import { timeoutOf } from '../../shared/protocol/command-types.js';
import { contextOf } from '../testing/execution-context.js';
import { ExecutionError } from './command-type.js';
import delay from './delay.js';

const execute = (ms: number, signal = new AbortController().signal) =>
  delay.execute(contextOf({ ms }, { signal }));

test.each([0, 1, 25])('waits %d ms, never less, and says how long it took', async (ms) => {
  const result = await execute(ms);
  expect(delay.result.parse(result)).toEqual({ ok: true, tookMs: result.tookMs });
  expect(result.tookMs).toBeGreaterThanOrEqual(ms);
});

test('stops when it is aborted, and says so', async () => {
  const aborter = new AbortController();
  const running = execute(86_400_000, aborter.signal);
  aborter.abort(new Error('cancelled'));
  await expect(running).rejects.toThrow(ExecutionError);
  await expect(running).rejects.toThrow(/^stopped after \d+ of 86400000 ms$/);
});

test('does not begin when it is aborted already', async () => {
  // A handler that begins all the same would end in a day.
  await expect(execute(86_400_000, AbortSignal.abort())).rejects.toThrow(
    /^stopped after \d+ of 86400000 ms$/,
  );
});

test.each([{ ms: 0 }, { ms: 86_400_000 }])('accepts %j', (payload) => {
  expect(delay.payload.parse(payload)).toEqual(payload);
});

test.each([
  {},
  { ms: -1 },
  { ms: 86_400_001 },
  { ms: 1.5 },
  { ms: '5' },
  { ms: NaN },
  { ms: 5, mss: 5 },
  null,
  5,
])('refuses %j', (payload) => {
  expect(delay.payload.safeParse(payload).success).toBe(false);
});

test('gives 30 s more than the delay, and fails when its agent is lost', () => {
  const { timeoutMs, onAgentLost } = delay;
  expect(typeof timeoutMs !== 'function' && timeoutOf(timeoutMs, { ms: 5000 })).toBe(65_000);
  expect(onAgentLost).toBeUndefined();
});

test('has schemas that can be announced', () => {
  expect(z.toJSONSchema(delay.payload)).toMatchObject({
    properties: { ms: { type: 'integer', minimum: 0, maximum: 86_400_000 } },
    required: ['ms'],
    additionalProperties: false,
  });
  expect(z.toJSONSchema(delay.result)).toMatchObject({ required: ['ok', 'tookMs'] });
});
