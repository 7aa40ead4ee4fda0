import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisClock } from '../redis/redis-clock.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { newCommand } from './new-command.js';
import { Submitter } from './submitter.js';

const keys = partitionKeys();
const command = () =>
  newCommand({
    submission: { type: 'DELAY', payload: { ms: 1 } },
    payloadText: '{"ms":1}',
    typeOnAgentLost: 'fail',
  });

let redis: TestRedis;
let link: RedisCalls;
beforeAll(async () => {
  redis = await TestRedis.start();
  link = { call: (work) => work(redis.client()) };
});
afterAll(() => redis.stop());

test('an estimate of the clock that is far behind is corrected, and the command stored once', async () => {
  const clock = new RedisClock(() => 0);
  clock.observe(Date.now() - 3_600_000);
  const submitter = new Submitter({ link, keys, clock, maxBacklog: 10 });
  const one = command();
  expect(await submitter.submit([one])).toEqual([{ word: 'accepted' }]);
  expect(await redis.client().zcard(keys.index)).toBe(1);
  expect(Math.abs((clock.estimate() ?? 0) - Date.now())).toBeLessThan(60_000);
  expect(await submitter.submit([one])).toEqual([{ word: 'same' }]);
});

test('a clock that jumps forth again between both tries is given up on', async () => {
  const stuck = new RedisClock();
  stuck.estimate = () => 1;
  const submitter = new Submitter({ link, keys, clock: stuck, maxBacklog: 10 });
  expect(await submitter.submit([command()])).toEqual([{ word: 'expired' }]);
});

test('counts on from the last time that it saw', () => {
  let monotonicMs = 1000;
  const clock = new RedisClock(() => monotonicMs);
  expect(clock.estimate()).toBeUndefined();
  clock.observe(5_000_000);
  monotonicMs += 250.5;
  expect(clock.estimate()).toBe(5_000_250);
});
