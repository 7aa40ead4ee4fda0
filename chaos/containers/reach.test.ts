import { type FaultRecord } from '../record.js';
import { mustReachLedger } from './reach.js';

const ledgerUrl = 'http://load:4000';
const cutOff: FaultRecord = {
  kind: 'agent container cut off',
  target: 'agent-2',
  point: null,
  event: 1,
  injectedMs: 100,
  verifiedMs: 120,
  proof: 'on no network',
  healedMs: 200,
  inFlight: [],
  recoveredMs: null,
  overlapping: 0,
};
const reach = {
  ledgerUrl,
  faults: [cutOff],
  agentsIn: (target: string) => (target === 'agent-2' ? ['a', 'b'] : []),
  beganAtMs: 1000,
};
const failed = {
  payload: `{"url":"${ledgerUrl}"}`,
  status: 'FAILED',
  agentId: 'b',
  startedAt: '1050',
  finishedAt: '1150',
};

test('what failed while its agent was cut off need not show in the ledger', () => {
  expect(mustReachLedger(failed, reach)).toBe(false);
});

test.each([
  ['completed all the same', { status: 'COMPLETED' }],
  ['ended before', { finishedAt: '1099' }],
  ['began after', { startedAt: '1201', finishedAt: '1300' }],
  ['was executed by another agent', { agentId: 'c' }],
])('what %s must', (_what, changes) => {
  expect(mustReachLedger({ ...failed, ...changes }, reach)).toBe(true);
});

test('what goes elsewhere need not', () => {
  expect(mustReachLedger({ ...failed, payload: '{"ms":1}', agentId: 'c' }, reach)).toBe(false);
});
