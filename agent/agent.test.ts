import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ReportWord } from '../shared/lifecycle/transitions.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { type Transport } from '../shared/transport/transport.js';
import { Agent, type AgentOptions } from './agent.js';
import { Journal } from './journal.js';
import { type JournalledReport } from './journal-records.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const idleKeeper = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  hold: () => undefined,
  drop: () => undefined,
  tell: () => undefined,
};

let directory: string;
let journal: Journal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fencepost-agent-'));
  journal = await Journal.open(directory, () => 'a');
});
afterEach(() => rm(directory, { recursive: true }));

/** A transport that notes what it is asked, and whose reports are answered when the test says so. */
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
    tellProgress: () => Promise.resolve([]),
    hearCancels: () => undefined,
    settle: () => note('settle', []),
    handBack: () => note('handBack', 0),
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
    keeper: idleKeeper,
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
  await journal.keep([left]);
  const { transport, calls } = transportOf(() => Promise.resolve(['accepted']));
  const agent = agentWith(transport);
  await agent.start();
  await agent.stop();
  expect(calls).toEqual(['register', 'report', 'settle', 'next', 'handBack', 'leave', 'close']);
});

// A poll that asks what there is to hand back would have a server settle it, as lost.
it.each(['stop', 'drain'] as const)(
  'on %s hands nothing back as long as an outcome of its journal has no answer',
  async (what) => {
    await journal.keep([left]);
    const { transport, calls } = transportOf(() => Promise.reject(new Error('away')));
    const agent = agentWith(transport);
    void agent.start();
    while (!calls.includes('report')) await new Promise((resolve) => setImmediate(resolve));
    await agent[what]();
    if (what === 'drain') await agent.stop();
    expect(calls).not.toContain('settle');
    expect(calls).not.toContain('handBack');
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
  expect(calls).toEqual(['register', 'handBack', 'leave', 'close']);
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
    calls.push('keeper stopped');
    answer?.();
    return Promise.resolve();
  };
  const keeper = { ...idleKeeper, stop };
  const agent = agentWith({ ...transport, announce }, { keeper, leaseMs: 1 });
  await agent.start();
  await askedAgain;
  await agent.stop();
  expect(calls).toEqual([
    'register',
    'settle',
    'next',
    ...['keeper stopped', 'announced', 'handBack', 'leave', 'close'],
  ]);
});
