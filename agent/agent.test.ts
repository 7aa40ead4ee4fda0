import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type ReportWord, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { now } from '../shared/runtime/clock.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { type Transport } from './transport/transport.js';
import { Agent, type AgentOptions } from './agent.js';
import { type CommandType } from './commands/command-type.js';
import { defineCommand } from './commands/define-command.js';
import { Journal } from './journal.js';
import { type JournalledReport } from './journal-records.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const idleLeaseRenewer = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  track: () => undefined,
  drop: () => undefined,
  flush: () => undefined,
};

let directory: string;
let journal: Journal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fencepost-agent-'));
  journal = await Journal.open(directory, () => 'a');
});
afterEach(() => rm(directory, { recursive: true }));

/** A transport that records its calls, and whose reports are answered when the test decides. */
function transportOf(answer: () => Promise<ReportWord[]>) {
  const calls: string[] = [];
  const note = <T>(call: string, value: T): Promise<T> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  const transport: Transport = {
    startsWhenItReports: true,
    renewAfterMs: 1000,
    register: () => note('register', { word: 'ok', now: 0, draining: false } as const),
    announce: () => Promise.resolve([]),
    next: async (_, signal) => {
      calls.push('next');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return { word: 'ok', started: [], askedAt: { monotonicMs: 0, wallMs: 0 } };
    },
    report: () => {
      calls.push('report');
      return answer();
    },
    renew: () => Promise.resolve([]),
    reportProgress: () => Promise.resolve([]),
    hearCancels: () => undefined,
    settle: () => note('settle', []),
    releaseUnstarted: () => note('releaseUnstarted', 0),
    recover: () => Promise.resolve([]),
    leave: () => note('leave', undefined),
    close: () => calls.push('close'),
  };
  return { transport, calls };
}

const agentWith = (transport: Transport, more: Partial<AgentOptions> = {}) =>
  new Agent({
    transport,
    journal,
    registry: new Map(),
    leaseRenewer: idleLeaseRenewer,
    concurrency: 1,
    leaseMs: 1000,
    graceMs: 20,
    faults: noFaults,
    onFatal: (reason) => {
      throw new Error(reason);
    },
    logger,
    ...more,
  });

const left: JournalledReport = {
  id: 'c',
  agentId: 'a',
  session: 'i.1',
  attempt: 1,
  outcome: { status: 'COMPLETED', result: 'null' },
};

it('settles what the last session left once its journal was answered, and hands back when it stops', async () => {
  journal.outcomes.keep([left]);
  const { transport, calls } = transportOf(() => Promise.resolve(['accepted']));
  const agent = agentWith(transport);
  await agent.start();
  await agent.stop();
  expect(calls).toEqual(['register', 'report', 'settle', 'next', 'releaseUnstarted', 'leave', 'close']);
});

// A release begins with a poll, at which a server would settle the journalled attempts as lost.
it.each(['stop', 'drain'] as const)(
  'on %s hands nothing back as long as an outcome of its journal has no answer',
  async (what) => {
    journal.outcomes.keep([left]);
    const { transport, calls } = transportOf(() => Promise.reject(new Error('away')));
    const agent = agentWith(transport);
    void agent.start();
    while (!calls.includes('report')) await new Promise((resolve) => setImmediate(resolve));
    await agent[what]();
    if (what === 'drain') await agent.stop();
    expect(calls).not.toContain('settle');
    expect(calls).not.toContain('releaseUnstarted');
    expect(calls.slice(-2)).toEqual(['leave', 'close']);
  },
);

it('stopped while it settles its past, fetches nothing', async () => {
  const { transport, calls } = transportOf(() => Promise.resolve(['accepted']));
  let stopping: Promise<void> | undefined;
  const agent: Agent = agentWith({
    ...transport,
    settle: () => {
      stopping = agent.stop();
      return Promise.resolve([]);
    },
  });
  await agent.start();
  await stopping;
  expect(calls).toEqual(['register', 'releaseUnstarted', 'leave', 'close']);
});

// Each of their calls takes the name again, for a lease.
it('gives its name back when nothing of its own takes it any more', async () => {
  const { transport, calls } = transportOf(() => Promise.resolve(['accepted']));
  let answer: (() => void) | undefined;
  let asked: () => void;
  const askedAgain = new Promise<void>((resolve) => (asked = resolve));
  let announcements = 0;
  const announce = async () => {
    if (++announcements === 1) return [];
    asked();
    await new Promise<void>((resolve) => (answer = resolve));
    calls.push('announced');
    return [];
  };
  const stop = () => {
    calls.push('lease renewer stopped');
    answer?.();
    return Promise.resolve();
  };
  const leaseRenewer = { ...idleLeaseRenewer, stop };
  const agent = agentWith({ ...transport, announce }, { leaseRenewer, leaseMs: 1 });
  await agent.start();
  await askedAgain;
  await agent.stop();
  expect(calls).toEqual([
    'register',
    'settle',
    'next',
    ...['lease renewer stopped', 'announced', 'releaseUnstarted', 'leave', 'close'],
  ]);
});

it('that cannot keep outcomes any more ends itself once, with what to do, and stops in good order', async () => {
  const full = new Error('ENOSPC: no space left on device, write');
  jest.spyOn(journal.outcomes, 'keep').mockImplementation(() => {
    throw full;
  });
  const { transport, calls } = transportOf(() => Promise.resolve(['accepted']));
  const type = defineCommand({
    type: 'T',
    payload: z.null(),
    result: z.null(),
    execute: () => Promise.resolve(null),
  });
  const started: StartedCommand[] = [
    {
      ...{ queue: 'default', entry: '1-1', id: '0190f7a0-0000-7000-8000-000000000001', attempt: 1 },
      ...{ type: 'T', payload: 'null', timeoutMs: undefined, onAgentLost: 'fail' },
    },
  ];
  const next: Transport['next'] = (demand, signal) => {
    const first = started.splice(0);
    if (first.length === 0) return transport.next(demand, signal);
    return Promise.resolve({ word: 'ok', started: first, askedAt: now() });
  };
  const reasons: string[] = [];
  const ended = new Promise<void>((resolve) => {
    const onFatal = (reason: string) => {
      reasons.push(reason);
      // agent/main.ts stops its agent in the same way; a second stop is the first one.
      void agent.stop().then(resolve);
    };
    const registry = new Map([['T', type as unknown as CommandType]]);
    const agent = agentWith({ ...transport, next }, { registry, onFatal });
    void agent.start();
  });
  await ended;
  expect(reasons).toEqual([
    'outcomes cannot be kept in its journal (ENOSPC: no space left on device, write): free some space on that disk, and start it again: outcomes that are in it are kept, and reported then',
  ]);
  expect(calls.filter((call) => call === 'report')).toHaveLength(1);
  expect(calls.slice(-3)).toEqual(['releaseUnstarted', 'leave', 'close']);
});
