import { judge, targetIds, targetOf } from './targets.js';

const atLeast1 = targetOf('work-1');
const atMost440 = targetOf('growth-memory');

test.each([
  { target: atLeast1, value: 1, judgement: { met: true } },
  { target: atLeast1, value: 0.5, judgement: { met: false, missedBy: 0.5 } },
  { target: atMost440, value: 440, judgement: { met: true } },
  { target: atMost440, value: 490, judgement: { met: false, missedBy: 50 } },
])('$target.comparison $target.bound: $value', ({ target, value, judgement }) => {
  expect(judge(target, value)).toEqual(judgement);
});

test('there are seventeen, each with a bound above 0', () => {
  expect(targetIds).toHaveLength(17);
  for (const id of targetIds) expect(targetOf(id).bound).toBeGreaterThan(0);
});
