import { explanations, type RoundFacts } from './explanations.js';
import { type FaultKind, type FaultRecord } from './record.js';

const facts: RoundFacts = {
  agents: [
    { name: 'agent-1', identities: ['agent-1.1', 'agent-1.2'], transport: 'redis' },
    { name: 'agent-2', identities: ['agent-2.1'], transport: 'http' },
  ],
  leaseMs: 1000,
  beganAtMs: 10_000,
  endedMs: 9000,
  afterMs: 100,
  stalls: [],
};

const fault = (kind: FaultKind, target: string, more: Partial<FaultRecord> = {}): FaultRecord => ({
  kind,
  target,
  point: null,
  event: 1,
  injectedMs: 500,
  verifiedMs: 501,
  proof: 'seen',
  healedMs: 700,
  inFlight: [],
  recoveredMs: null,
  overlapping: 0,
  ...more,
});

const explained = (one: FaultRecord) =>
  explanations([one], facts).map(({ agents, onAgentLost, leastMs }) => ({ agents, onAgentLost, leastMs }));

const agentOne = ['agent-1.1', 'agent-1.2'];
const agentTwo = ['agent-2.1'];
const notBeforeItsLease = (agents: readonly string[]) => [
  { agents, onAgentLost: undefined, leastMs: 500 },
  { agents, onAgentLost: 'retry', leastMs: 350 },
];

test('a fault lasts from its injection until a while after it was healed', () => {
  expect(explanations([fault('agent killed', 'agent-1')], facts)).toMatchObject([
    { what: 'agent killed: agent-1', fromMs: 10_500, toMs: 10_800 },
  ]);
  expect(explanations([fault('agent killed', 'agent-1', { healedMs: null })], facts)).toMatchObject([
    { toMs: 19_100 },
  ]);
});

test('the death of an agent explains what it lost, at once', () => {
  const wanted = [{ agents: agentOne, onAgentLost: undefined, leastMs: undefined }];
  expect(explained(fault('agent killed', 'agent-1'))).toEqual(wanted);
  expect(explained(fault('agent killed at a point', 'agent-1', { point: 'journalled' }))).toEqual(wanted);
});

test.each([
  ['journalled', true],
  ['executed', false],
])('an agent that died at the point %s had an outcome on its disk: %s', (point, journalled) => {
  const one = fault('agent killed at a point', 'agent-1', { point });
  expect(explanations([one], facts)).toMatchObject([{ journalled }]);
});

test.each<[FaultKind, string, readonly string[]]>([
  ['agent frozen', 'agent-1', agentOne],
  ['link down', 'agent-1 → Redis', agentOne],
  ['link half open', 'agent-2 → server-1', agentTwo],
  ['server frozen', 'server-1', agentTwo],
  ['link slow', 'server-1 → Redis', agentTwo],
])('%s (%s) explains what %j lose after a lease', (kind, target, agents) => {
  expect(explained(fault(kind, target))).toEqual(notBeforeItsLease(agents));
});

test('an outage of Redis explains only what agents give up by themselves', () => {
  expect(explained(fault('Redis frozen', 'redis'))).toEqual([
    { agents: undefined, onAgentLost: 'retry', leastMs: 350 },
  ]);
});

test('a doubled entry explains nothing', () => {
  expect(explained(fault('entry duplicated', 'default, command c'))).toEqual([]);
  expect(explained(fault('queue paused', 'default'))).toEqual([]);
});

test('a busy machine explains what agents give up; only a long stall explains a lease that ran out', () => {
  const of = (lastsMs: number) =>
    explanations([], { ...facts, stalls: [{ what: 'slow', fromMs: 20_000, toMs: 20_000 + lastsMs }] });
  const interval = (toMs: number) => ({ what: 'slow', fromMs: 20_000, toMs });
  expect(of(120)).toEqual([{ ...interval(20_220), onAgentLost: 'retry', leastMs: 350 }]);
  expect(of(600)).toEqual([
    { ...interval(20_700), onAgentLost: 'retry', leastMs: 350 },
    { ...interval(20_700), leastMs: 500 },
  ]);
});

test('a reply that was lost explains no loss: the call is sent again', () => {
  expect(explained(fault('reply lost', 'agent-1 → Redis', { point: 'start' }))).toEqual([]);
});
