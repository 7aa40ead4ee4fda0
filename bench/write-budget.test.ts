import { overruns } from './write-budget.js';

const within = {
  submit: { xadd: 10, hset: 11, zadd: 1, hincrby: 1 },
  start: { xreadgroup: 1, msetnx: 1, hset: 11 },
  report: { hset: 11, xack: 1, xdel: 1, del: 1 },
};

test('a batch that writes what it may is within the budget', () => {
  expect(overruns(within, 10)).toEqual([]);
});

test('one write more exceeds it, and the sentence says where and what was written', () => {
  const writes = { ...within, start: { ...within.start, zadd: 1 } };
  expect(overruns(writes, 10)).toEqual([
    'start wrote 14 times for a batch of 10, and may write 13 times (1 per command and 3 per batch): ' +
      '1 xreadgroup, 1 msetnx, 11 hset, 1 zadd',
  ]);
});
