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
  const point = { point: 'journalled', inFlight: ['a', 'b'] };
  expect(explained(fault('agent killed at a point', 'agent-1', point))).toEqual(wanted);
});

test('the death of an agent with one outcome on its disk explains its loss only after a lease', () => {
  const point = { point: 'journalled', inFlight: ['a'] };
  expect(explained(fault('agent killed at a point', 'agent-1', point))).toEqual([
    { agents: agentOne, onAgentLost: undefined, leastMs: 500 },
  ]);
});

test.each<[FaultKind, string, readonly string[]]>([
  ['agent frozen', 'agent-1', agentOne],
  ['link cut', 'agent-1 → Redis', agentOne],
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
  expect(explained(fault('entry doubled', 'default, command c'))).toEqual([]);
});
