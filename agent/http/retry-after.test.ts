import { longestRetryAfterMs, retryAfterMs } from './retry-after.js';

const answeredAt = 'Wed, 21 Oct 2026 07:28:00 GMT';

test.each([
  ['seconds', '120', 120_000],
  ['no seconds', '0', 0],
  ['seconds with spaces around', ' 3 ', 3000],
  ['a date', 'Wed, 21 Oct 2026 07:28:30 GMT', 30_000],
  ['a date in the form of RFC 850', 'Wednesday, 21-Oct-26 07:28:30 GMT', 30_000],
  ['a date in the past', 'Wed, 21 Oct 2026 07:00:00 GMT', 0],
  ['a negative number', '-5', 0],
  ['a fraction', '1.5', 0],
  ['nonsense', 'soon', 0],
  ['nothing', '', 0],
  ['more than a day', '86401', longestRetryAfterMs],
  ['more digits than a number has', '9'.repeat(400), longestRetryAfterMs],
  ['the end of the century', 'Thu, 31 Dec 2099 23:59:59 GMT', longestRetryAfterMs],
])('reads %s', (_what, value, pauseMs) => {
  expect(retryAfterMs(value, answeredAt)).toBe(pauseMs);
});

test('asks for no pause when there is no header', () => {
  expect(retryAfterMs(undefined, answeredAt)).toBe(0);
});

test.each([undefined, 'yesterday'])('counts from now when the answer is dated %p', (date) => {
  const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
  const pauseMs = retryAfterMs(inAnHour, date);
  expect(pauseMs).toBeGreaterThan(3_000_000);
  expect(pauseMs).toBeLessThanOrEqual(3_600_000);
});
