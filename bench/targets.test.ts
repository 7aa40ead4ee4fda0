import { judge, targetIds, targetOf } from './targets.js';

const atLeast4 = targetOf('work-100');
const atMost600 = targetOf('growth-memory');

test.each([
  { target: atLeast4, value: 4, judgement: { met: true } },
  { target: atLeast4, value: 3.5, judgement: { met: false, missedBy: 0.5 } },
  { target: atMost600, value: 600, judgement: { met: true } },
  { target: atMost600, value: 650, judgement: { met: false, missedBy: 50 } },
])('$target.comparison $target.bound: $value', ({ target, value, judgement }) => {
  expect(judge(target, value)).toEqual(judgement);
});

test('there are fourteen, each with a bound above 0', () => {
  expect(targetIds).toHaveLength(14);
  for (const id of targetIds) expect(targetOf(id).bound).toBeGreaterThan(0);
});
