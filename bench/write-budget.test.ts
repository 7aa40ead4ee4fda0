import { overruns } from './write-budget.js';

const within = {
  submit: { xadd: 10, hset: 11, zadd: 1, hincrby: 1 },
  start: { xreadgroup: 1, set: 10, hset: 11 },
  report: { hset: 11, xack: 1, xdel: 1, del: 1 },
};

test('a batch that writes what it may is within the budget', () => {
  expect(overruns(within, 10)).toEqual([]);
});

test('one write more exceeds it, and the sentence says where and what was written', () => {
  const writes = { ...within, start: { ...within.start, zadd: 1 } };
  expect(overruns(writes, 10)).toEqual([
    'start wrote 23 times for a batch of 10, and may write 22 times (2 per command and 2 per batch): ' +
      '1 xreadgroup, 10 set, 11 hset, 1 zadd',
  ]);
});
