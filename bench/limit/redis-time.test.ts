import { timeOf } from './redis-time.js';

test("a script's time is not counted among the commands: it has theirs in it", () => {
  const uses = new Map([
    ['evalsha', { calls: 2, usec: 500 }],
    ['hset', { calls: 20, usec: 60 }],
    ['xadd', { calls: 10, usec: 40 }],
    ['info', { calls: 1, usec: 900 }],
  ]);
  expect(timeOf(uses, 10)).toEqual({
    commands: new Map([
      ['hset', { callsPerCycle: 2, usecPerCycle: 6 }],
      ['xadd', { callsPerCycle: 1, usecPerCycle: 4 }],
    ]),
    innerUsec: 10,
    scriptUsec: 50,
  });
});
