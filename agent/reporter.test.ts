import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Report, type ReportWord } from '../shared/lifecycle/transitions.js';
import { createLogger } from '../shared/runtime/logger.js';
import { readEarlier } from './earlier-outcomes.js';
import { Journal } from './journal.js';
import { type JournalledReport } from './journal-records.js';
import { Reporter } from './reporter.js';

const logger = createLogger({ side: 'agent', level: 'silent' });

const reportOf = (id: string): JournalledReport => ({
  id,
  agentId: 'a',
  session: 's.1',
  attempt: 1,
  outcome: { status: 'COMPLETED', result: 'null' },
});

const onUnwritable = (error: unknown): never => {
  throw error;
};
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

/** The outcomes in the file, as a run that begins now would find them. */
const journalled = () => readEarlier(join(directory, 'outcomes'), []).reports;

const accepted = (reports: readonly Report[]) => Promise.resolve(reports.map((): ReportWord => 'accepted'));

it('sends what ended together in one call, and forgets what was answered', async () => {
  const transport = transportOf(accepted);
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  const answered = jest.fn();
  for (const id of ['a', 'b', 'c']) reporter.add(reportOf(id), answered);
  await reporter.drained();
  expect(transport.calls).toEqual([['a', 'b', 'c']]);
  expect(answered).toHaveBeenCalledTimes(3);
  expect(journalled()).toEqual([]);
});

it('has an outcome in the journal before it sends it', async () => {
  const found: (readonly JournalledReport[])[] = [];
  const transport = transportOf((reports) => {
    found.push(journalled());
    return accepted(reports);
  });
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(found).toEqual([[reportOf('a')]]);
  expect(journalled()).toEqual([]);
});

it('has what ends while a call is under way in the journal, however long that takes', async () => {
  const transport = transportOf(() => new Promise(() => undefined));
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  reporter.add(reportOf('a'));
  while (transport.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  reporter.add(reportOf('b'));
  reporter.add(reportOf('c'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(journalled()).toEqual([reportOf('a'), reportOf('b'), reportOf('c')]);
  expect(transport.calls).toEqual([['a']]);
});

it('says that the journal cannot be written, and reports that outcome, and those after it, all the same', async () => {
  const transport = transportOf(accepted);
  const full = new Error('the disk is full');
  jest.spyOn(journal.outcomes, 'keep').mockImplementationOnce(() => {
    throw full;
  });
  const [answered, said] = [jest.fn(), jest.fn()];
  const reporter = new Reporter({ onUnwritable: said, transport, outcomes: journal.outcomes, logger });
  reporter.add(reportOf('a'), answered);
  await reporter.drained();
  expect(said.mock.calls).toEqual([[full]]);
  expect(answered).toHaveBeenCalledTimes(1);
  reporter.add(reportOf('b'), answered);
  await reporter.drained();
  expect(transport.calls).toEqual([['a'], ['b']]);
  expect(journalled()).toEqual([]);
});

it('counts outcomes of an earlier session as answered one by one, and forgets their record with the last', async () => {
  const kept = journal.outcomes.keep([reportOf('a'), reportOf('b')]);
  const reporter = new Reporter({
    onUnwritable,
    transport: transportOf(accepted),
    outcomes: journal.outcomes,
    logger,
  });
  reporter.add(reportOf('a'), undefined, kept);
  await reporter.drained();
  expect(journalled()).toEqual([reportOf('a'), reportOf('b')]);
  reporter.add(reportOf('b'), undefined, kept);
  await reporter.drained();
  expect(journalled()).toEqual([]);
});

it('sends again what was not answered, until it is', async () => {
  let failures = 2;
  const transport = transportOf((reports) =>
    failures-- > 0 ? Promise.reject(new Error('Redis is away')) : accepted(reports),
  );
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(transport.calls).toEqual([['a'], ['a'], ['a']]);
  expect(journalled()).toEqual([]);
});

it.each(['again', 'late', 'gone'] as const)('counts "%s" as an answer', async (word) => {
  const reporter = new Reporter({
    onUnwritable,
    transport: transportOf(() => Promise.resolve([word])),
    outcomes: journal.outcomes,
    logger,
  });
  reporter.add(reportOf('a'));
  await reporter.drained();
  expect(journalled()).toEqual([]);
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
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  for (const id of ['a', 'b']) reporter.add(reportOf(id));
  await reporter.drained();
  // The record has both: an agent that dies now reports both again.
  expect(journalled()).toEqual([reportOf('a'), reportOf('b')]);
  isMended = true;
  await sentAgain;
  await reporter.drained();
  expect(transport.calls).toEqual([['a', 'b'], ['a']]);
  expect(journalled()).toEqual([]);
});

it('leaves what was not answered in the journal when it is stopped', async () => {
  const transport = transportOf(() => Promise.reject(new Error('Redis is away')));
  const reporter = new Reporter({ onUnwritable, transport, outcomes: journal.outcomes, logger });
  reporter.add(reportOf('a'));
  await reporter.stop();
  expect(journalled()).toEqual([reportOf('a')]);
});
