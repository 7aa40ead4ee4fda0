import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Report, type ReportWord } from '../shared/lifecycle/transitions.js';
import { createLogger } from '../shared/runtime/logger.js';
import { Journal, type JournalledReport } from './journal.js';
import { Reporter } from './reporter.js';

const logger = createLogger({ side: 'agent', level: 'silent' });

const reportOf = (id: string): JournalledReport => ({
  id,
  agentId: 'a',
  session: 's.1',
  attempt: 1,
  outcome: { status: 'COMPLETED', result: 'null' },
});

let directory: string;
let journal: Journal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fencepost-journal-'));
  journal = await Journal.open(directory, () => 'a');
});
afterEach(async () => {
  await journal.close();
  await rm(directory, { recursive: true });
});

/** A transport whose answers the test gives. */
function transportOf(answer: (reports: readonly Report[]) => Promise<ReportWord[]>) {
  const calls: string[][] = [];
  const report = (reports: readonly Report[]) => {
    calls.push(reports.map(({ id }) => id));
    return answer(reports);
  };
  return { calls, report };
}

const accepted = (reports: readonly Report[]) => Promise.resolve(reports.map((): ReportWord => 'accepted'));

it('sends what ended together in one call, and forgets what was answered', async () => {
  const transport = transportOf(accepted);
  const reporter = new Reporter({ transport, journal, logger });
  const answered = jest.fn();
  for (const id of ['a', 'b', 'c']) reporter.add(reportOf(id), answered);
  await reporter.drained();
  expect(transport.calls).toEqual([['a', 'b', 'c']]);
  expect(answered).toHaveBeenCalledTimes(3);
  expect(await journal.unanswered()).toEqual([]);
});

it('has an outcome in the journal before it sends it', async () => {
  let journalled: JournalledReport[] = [];
  const transport = transportOf(async (reports) => {
    journalled = await journal.unanswered();
    return accepted(reports);
  });
  const reporter = new Reporter({ transport, journal, logger });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(journalled).toEqual([reportOf('a')]);
});

it('sends again what was not answered, until it is', async () => {
  let failures = 2;
  const transport = transportOf((reports) =>
    failures-- > 0 ? Promise.reject(new Error('Redis is away')) : accepted(reports),
  );
  const reporter = new Reporter({ transport, journal, logger });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(transport.calls).toEqual([['a'], ['a'], ['a']]);
  expect(await journal.unanswered()).toEqual([]);
});

it.each(['again', 'late', 'gone'] as const)('counts "%s" as an answer', async (word) => {
  const reporter = new Reporter({ transport: transportOf(() => Promise.resolve([word])), journal, logger });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(await journal.unanswered()).toEqual([]);
});

it('keeps what Redis could not take, without holding up the rest, and sends it again later', async () => {
  let isMended = false;
  let told: () => void;
  const sentAgain = new Promise<void>((resolve) => (told = resolve));
  const transport = transportOf((reports) => {
    if (isMended) told();
    const wordOf = (id: string): ReportWord => (id === 'a' && !isMended ? 'broken' : 'accepted');
    return Promise.resolve(reports.map(({ id }) => wordOf(id)));
  });
  const reporter = new Reporter({ transport, journal, logger });
  for (const id of ['a', 'b']) reporter.add(reportOf(id));
  await reporter.drained();
  expect(await journal.unanswered()).toEqual([reportOf('a')]);
  isMended = true;
  await sentAgain;
  await reporter.drained();
  expect(transport.calls).toEqual([['a', 'b'], ['a']]);
  expect(await journal.unanswered()).toEqual([]);
});

it('leaves what was not answered in the journal when it is stopped', async () => {
  const transport = transportOf(() => Promise.reject(new Error('Redis is away')));
  const reporter = new Reporter({ transport, journal, logger });
  reporter.add(reportOf('a'));
  await reporter.stop();
  expect(await journal.unanswered()).toEqual([reportOf('a')]);
});
