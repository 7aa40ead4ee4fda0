import { type NewCommand, type Outcome, type Report } from '../shared/lifecycle/transitions.js';
import { type HashState, type RedisState } from './redis-state.js';

/** A command `a` that waits in the queue `default`, and what the other scripts make of it. */
export const pending = {
  status: 'PENDING',
  type: 'DELAY',
  payload: '{"ms":1}',
  queue: 'default',
  createdAt: 'now-9000',
  entry: '1-1',
} as const satisfies HashState;

export const running = {
  ...pending,
  status: 'RUNNING',
  attempt: '1',
  agentId: 'agent-1',
  startedAt: 'now-5000',
} as const satisfies HashState;

/** The session that executes it, and its execution marker. */
export const session = 'i1.1';
export const marker = `1:agent-1:${session}`;

/** `a` alone, on its stream, not delivered to anyone. */
export const onePending = {
  'command:a': pending,
  'commands:default': { stream: [['1-1', { id: 'a' }]], delivered: '0-0', pending: [] },
  counts: { PENDING: '1' },
  index: { zset: [['a', '1']] },
  queues: { set: ['default'] },
} as const satisfies RedisState;

/** `a` alone, executed by agent-1. */
export const oneRunning = {
  'command:a': running,
  'commands:default': {
    stream: [['1-1', { id: 'a' }]],
    delivered: '1-1',
    pending: [['1-1', 'agent-1', 'now-5000']],
  },
  'exec:a': marker,
  counts: { RUNNING: '1' },
  index: { zset: [['a', '1']] },
  queues: { set: ['default'] },
} as const satisfies RedisState;

/** A stream of which everything was taken and nothing is left. */
export const emptied = { stream: [], delivered: '1-1', pending: [] } as const;

/** How agent-1 asks for work, and what it is given when `a` is started for it. */
export const asAgent1 = {
  agentId: 'agent-1',
  session,
  limit: 1,
  queues: ['default'],
  types: [],
  inFlight: [],
} as const;
export const startedA = {
  queue: 'default',
  entry: 'default/1-1',
  id: 'a',
  attempt: 1,
  type: 'DELAY',
  payload: '{"ms":1}',
  timeoutMs: undefined,
  onAgentLost: 'fail',
} as const;

export function without(state: RedisState, key: string): RedisState {
  return Object.fromEntries(Object.entries(state).filter(([name]) => name !== key));
}

/** A new command as a client asks for it. */
export const newCommand = (id: string, more: Partial<NewCommand> = {}): NewCommand => ({
  id,
  digest: '',
  type: 'DELAY',
  payload: '{"ms":1}',
  queue: 'default',
  ...more,
});

export const completed = { status: 'COMPLETED', result: '{"ok":true}' } as const satisfies Outcome;
export const failed = {
  status: 'FAILED',
  code: 'EXECUTION_FAILED',
  message: 'no luck',
  executed: 'yes',
  retryable: false,
  pauseMs: 0,
} as const satisfies Outcome;

/** agent-1's report of its attempt at `a`. */
export const reportOf = (outcome: Outcome, more: Partial<Report> = {}): Report => ({
  id: 'a',
  agentId: 'agent-1',
  session,
  attempt: 1,
  outcome,
  ...more,
});
