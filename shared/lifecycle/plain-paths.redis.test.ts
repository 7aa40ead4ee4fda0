import { type Redis } from 'ioredis';
import {
  completed,
  failed,
  marker,
  pending,
  reportOf,
  running,
  session,
} from '../../testing/command-fixtures.js';
import { below, forGenerated, generatedCount, oneOf, type Random } from '../../testing/generated-values.js';
import { withOtherScript } from '../../testing/other-script.js';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { scriptText } from './scripts.js';
import { type Report, reportAndStart, type StartOptions } from './transitions.js';

/**
 * `report` and `start` deal with exactly plain cases in a few lines of their own; everything else goes through the
 * general functions. Both ways must answer the same, leave the same and publish the same.
 */

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const shortCuts = [
  ['words[n] = group.isDone and completePlain(', 'words[n] = false and completePlain('],
  ['if not takePlain(queue, entry, fields) then', 'if true then'],
] as const;
const text = scriptText().get('report_and_start') ?? '';
const general = shortCuts.reduce((script, [from, to]) => script.replace(from, to), text);

test.each(shortCuts)('the general script differs in its short cuts alone: %s', (from) => {
  expect(text.split(from)).toHaveLength(2);
  expect(general).not.toContain(from);
});

/** 300 calls, unless `GENERATED_VALUES` sets another number. */
const calls = Math.min(generatedCount, process.env['GENERATED_VALUES'] === undefined ? 300 : Infinity);

const ids = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const markers = [marker, '2:agent-1:i1.1', '1:agent-2:i2.1', '1:agent-1:i1.0', ':agent-1:i1.1'];

/** Mostly as Fencepost left it. */
function anyCommand(random: Random, at: number): RedisState[string] {
  const odd = <T>(field: T): Partial<T> => (below(random, 12) === 0 ? field : {});
  const base = below(random, 2) === 0 ? pending : running;
  const fields: HashState = {
    ...base,
    entry: `1-${at}`,
    ...odd({ entry: oneOf(random, ['', '1-9', 'no entry']) }),
    ...odd({ queue: oneOf(random, ['mail', 'default/DELAY', '']) }),
    ...odd({ attempt: oneOf(random, ['1', '2', '', 'x', '99999999999999999']) }),
    ...odd({ status: oneOf(random, ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'odd']) }),
    ...odd({ type: oneOf(random, ['OTHER', '']) }),
    ...odd({ timeoutMs: oneOf(random, ['5', 'x', '']) }),
    ...odd({ onAgentLost: oneOf(random, ['retry', 'fail', 'a b']) }),
    ...odd({ expiresAt: oneOf(random, ['1', '99999999999999', 'x']) }),
    ...odd({ waitingFor: 'DELAY' }),
    ...odd({ reported: oneOf(random, markers) }),
  };
  return below(random, 20) === 0 ? oneOf<RedisState[string]>(random, ['no hash', { list: ['x'] }]) : fields;
}

function anyState(random: Random): RedisState {
  const delivered = below(random, ids.length + 1);
  const state: Record<string, RedisState[string]> = {
    'commands:default': {
      stream: ids.map((id, i) => [`1-${i + 1}`, below(random, 20) === 0 ? { other: id } : { id }] as const),
      delivered: `1-${delivered}`,
      pending: ids
        .slice(0, delivered)
        .map((_, i) => [`1-${i + 1}`, oneOf(random, ['agent-1', 'agent-1', 'agent-2']), 'now'] as const),
    },
    queues: { set: ['default'] },
    counts: { PENDING: '3', RUNNING: '3' },
  };
  ids.forEach((id, i) => {
    const command = anyCommand(random, i + 1);
    if (below(random, 15) > 0) state[`command:${id}`] = command;
    const isRunning = typeof command === 'object' && 'status' in command && command.status === 'RUNNING';
    if (below(random, 10) < (isRunning ? 9 : 1)) state[`exec:${id}`] = marker;
    if (below(random, 10) === 0) state[`exec:${id}`] = oneOf(random, markers);
    if (below(random, 30) === 0) state[`exec:${id}`] = { list: ['x'] };
  });
  if (below(random, 10) === 0) state['paused'] = { default: '1' };
  if (below(random, 10) === 0) state['session:agent-1'] = oneOf(random, [session, 'i1.2']);
  return state;
}

function anyReport(random: Random): Report {
  const at = below(random, ids.length);
  return reportOf(below(random, 4) === 0 ? failed : completed, {
    id: ids[at] ?? 'a',
    attempt: oneOf(random, [1, 1, 1, 1, 1, 2, undefined]),
    session: oneOf(random, [session, session, session, session, 'i1.0', '']),
    ticket: oneOf(random, [
      undefined,
      `default/1-${at + 1}`,
      `default/1-${at + 1}`,
      'default/1-9',
      'mail/1-1',
    ]),
  });
}

interface Call {
  readonly state: RedisState;
  readonly reports: readonly Report[];
  readonly demand: StartOptions;
}

const anyCall = (random: Random): Call => ({
  state: anyState(random),
  reports: Array.from({ length: below(random, 6) }, () => anyReport(random)),
  demand: {
    agentId: 'agent-1',
    session: oneOf(random, [session, session, session, '']),
    limit: below(random, 8),
    queues: oneOf(random, [['default'], ['default', 'mail'], ['default', 'default']]),
    types: oneOf(random, [[], ['DELAY'], ['OTHER']]),
    inFlight: oneOf(random, [[], ['default/1-1'], ['default/1-1', 'default/1-2']]),
  },
});

async function outcomeOf({ state, reports, demand }: Call, redis: Redis) {
  await bench.seed(state);
  const { words, started } = await reportAndStart(redis, bench.keys, reports, demand);
  const now = started?.word === 'ok' ? started.now : undefined;
  const { now: _now, ...given } = { now: 0, ...started };
  return { words, given, state: await bench.state(now), events: await bench.events() };
}

test('the short cuts and the general functions give the same words, commands, state and events', async () => {
  const other = withOtherScript(bench.redis, 'report_and_start', general);
  let accepted = 0;
  let started = 0;
  await forGenerated(
    anyCall,
    async (call) => {
      const outcome = await outcomeOf(call, bench.redis);
      expect(outcome).toEqual(await outcomeOf(call, other.redis));
      if (outcome.words.includes('accepted')) accepted++;
      if ('started' in outcome.given && outcome.given.started.length > 0) started++;
    },
    calls,
  );
  expect(other.calls()).toBeGreaterThanOrEqual(calls);
  // Both halves did something in many of them.
  expect(accepted).toBeGreaterThan(calls / 10);
  expect(started).toBeGreaterThan(calls / 10);
});
