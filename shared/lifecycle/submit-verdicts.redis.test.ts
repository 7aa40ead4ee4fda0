import { type Redis } from 'ioredis';
import { type NewCommand, submit, type SubmitOptions } from './transitions.js';
import { scriptText } from './scripts.js';
import { below, forGenerated, oneOf, type Random } from '../../testing/generated-values.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { withOtherScript } from '../../testing/other-script.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';

/**
 * Where every command of a call is new, `submit` asks once for all of them instead of giving each its own verdict.
 * Both ways must answer the same and leave the same.
 */

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const shortCut = 'if allAreNew() then';
const text = scriptText().get('submit') ?? '';
const oneByOne = text.replace(shortCut, 'if false then');

test('the script that gives each its own verdict differs in that alone', () => {
  expect(text.split(shortCut)).toHaveLength(2);
  expect(oneByOne).not.toContain(shortCut);
});

const ids = ['a', 'b', 'c', 'd'];
const queues = ['default', 'mail'];

function anyCommand(random: Random): NewCommand {
  return newCommand(oneOf(random, ids), {
    digest: oneOf(random, ['', '', 'd1', 'd2']),
    queue: oneOf(random, queues),
    payload: oneOf(random, ['{}', '{"ms":1}']),
    ...(below(random, 4) === 0 ? { start: oneOf(random, [{ inMs: 60_000 }, { inMs: 0 }, { at: 1 }]) } : {}),
    ...(below(random, 4) === 0 ? { ttlMs: 60_000 } : {}),
    ...(below(random, 4) === 0 ? { timeoutMs: 5, onAgentLost: 'retry', maxLosses: 2, maxAttempts: 3 } : {}),
  });
}

/** Mostly what is there when a call is plain; else whatever may be in its way. */
function anyState(random: Random): RedisState {
  const some = <T>(state: T): Partial<T> => (below(random, 5) === 0 ? state : {});
  const stored = { status: 'COMPLETED', type: 'DELAY', payload: '{}', queue: 'default', createdAt: 'now' };
  return {
    ...some({ 'command:a': stored }),
    ...some({ 'command:b': { ...stored, digest: 'd1' } }),
    ...some({ 'command:c': 'not a hash' }),
    ...some({ 'commands:mail': 'not a stream' }),
    ...some({
      counts: oneOf<RedisState[string]>(random, [{ PENDING: '8' }, 'not a hash', { PENDING: 'x' }]),
    }),
    ...some({ queues: oneOf<RedisState[string]>(random, [{ set: ['other'] }, 'not a set']) }),
    ...some({ 'queue-commands': oneOf<RedisState[string]>(random, [{ default: '3' }, 'not a hash']) }),
  };
}

interface Call {
  readonly state: RedisState;
  readonly commands: readonly NewCommand[];
  readonly options: SubmitOptions;
}

const anyCall = (random: Random): Call => ({
  state: anyState(random),
  commands: Array.from({ length: below(random, 5) }, () => anyCommand(random)),
  options: {
    notAfter: below(random, 20) === 0 ? 1 : Number.MAX_SAFE_INTEGER,
    maxBacklog: oneOf(random, [10, 100]),
    maxQueues: oneOf(random, [1, 100]),
    isWhole: below(random, 3) === 0,
  },
});

/** The answer of a submission, what it left and what it published. */
async function outcomeOf({ state, commands, options }: Call, redis: Redis) {
  await bench.seed(state);
  const { now, replies } = await submit(redis, bench.keys, commands, options);
  const { index, ...rest } = await bench.state(now);
  // In order, without their microseconds: the end of one millisecond may lie among the places of one call.
  const places = await bench.redis.zrange(bench.keys.index, 0, '-1');
  return { replies, hasIndex: index !== undefined, places, state: rest, events: await bench.events() };
}

test('asked once for all or one by one: the same words, state and events', async () => {
  const other = withOtherScript(bench.redis, 'submit', oneByOne);
  let plain = 0;
  await forGenerated(
    anyCall,
    async (call) => {
      const outcome = await outcomeOf(call, bench.redis);
      expect(outcome).toEqual(await outcomeOf(call, other.redis));
      if (outcome.replies.length > 0 && outcome.replies.every(({ word }) => word === 'accepted')) plain++;
    },
    300,
  );
  expect(other.calls()).toBeGreaterThanOrEqual(300);
  // Both ways were taken often.
  expect(plain).toBeGreaterThan(30);
  expect(plain).toBeLessThan(270);
});
