import fs from 'node:fs';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { below, forGenerated, oneOf, type Random } from '../testing/generated-values.js';
import { type JournalledReport } from './journal-records.js';
import { type Kept, OutcomeLog } from './outcome-log.js';

/** An outcome that was kept is found by the next run, after a kill, a full disk, a damaged file or a power cut. */

let directory: string;
const opened: OutcomeLog[] = [];
const copies: string[] = [];
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'fencepost-outcomes-'))));
afterEach(() => {
  jest.restoreAllMocks();
  for (const log of opened.splice(0)) log.close();
  for (const path of [directory, ...copies.splice(0)]) rmSync(path, { recursive: true });
});

function open(at = directory, boot = 1): OutcomeLog {
  const log = new OutcomeLog(at, boot);
  opened.push(log);
  return log;
}

/** The log as a run finds it whose machine or process ended at this moment. */
function afterEnd(): OutcomeLog {
  const copy = mkdtempSync(join(tmpdir(), 'fencepost-outcomes-'));
  copies.push(copy);
  for (const name of segments()) copyFileSync(join(directory, name), join(copy, name));
  return open(copy);
}

const reportOf = (id: string, characters = 0): JournalledReport => ({
  id,
  agentId: 'a',
  session: 's.1',
  attempt: 1,
  outcome: { status: 'COMPLETED', result: JSON.stringify('x'.repeat(characters)) },
});
const idsIn = (log: OutcomeLog) => log.unanswered().map(({ report: { id } }) => id);
const keep = (log: OutcomeLog, ...ids: readonly string[]) => log.keep(ids.map((id) => reportOf(id)));
function answerAll(log: OutcomeLog, kept: Kept): void {
  for (const _ of kept.reports) log.answered(kept);
}
const segments = (at = directory) => readdirSync(at).filter((name) => name.endsWith('.log'));
const only = () => join(directory, segments()[0] ?? '');

test('what is kept is there for the next run, without a close, until it was answered', () => {
  const log = open();
  const first = keep(log, 'a', 'b');
  keep(log, 'c');
  expect(idsIn(afterEnd())).toEqual(['a', 'b', 'c']);
  // Not before the last of a record: the others are reported again, and answered again.
  log.answered(first);
  expect(idsIn(log)).toEqual(['a', 'b', 'c']);
  log.answered(first);
  expect(idsIn(log)).toEqual(['c']);
  log.tidy();
  expect(idsIn(afterEnd())).toEqual(['c']);
});

test('that a record is spent goes with the next one', () => {
  const log = open();
  answerAll(log, keep(log, 'a'));
  keep(log, 'b');
  expect(idsIn(afterEnd())).toEqual(['b']);
});

test('that a record is spent is written soon, also when nothing more is kept', () => {
  jest.useFakeTimers();
  try {
    const log = open();
    answerAll(log, keep(log, 'a'));
    expect(idsIn(afterEnd())).toEqual(['a']);
    jest.advanceTimersByTime(1000);
    expect(idsIn(afterEnd())).toEqual([]);
  } finally {
    jest.useRealTimers();
  }
});

test('a log in which nothing is unanswered leaves no file when it is closed', () => {
  const log = open();
  answerAll(log, keep(log, 'a'));
  log.close();
  expect(readdirSync(directory)).toEqual([]);
});

test('runs take over what others left, once, however many there were', () => {
  const first = open();
  const kept = keep(first, 'a', 'b');
  first.answered(kept);
  first.close();
  for (let boot = 2; boot < 5; boot++) {
    const next = open(directory, boot);
    expect(idsIn(next)).toEqual(['a', 'b']);
    expect(segments()).toEqual([`${boot}-1.log`]);
    keep(next, `of ${boot}`);
    answerAll(next, next.unanswered().at(-1)?.kept as Kept);
    next.close();
  }
});

test('a run is newer than those whose files it finds, also when its clock was set back', () => {
  const first = open(directory, 5000);
  keep(first, 'a');
  const next = open(directory, 3);
  expect(segments()).toEqual(['5001-1.log']);
  expect(idsIn(next)).toEqual(['a']);
});

test('a run that is killed while it takes over leaves what it took over twice, and the next one has it once', () => {
  const first = open();
  keep(first, 'a', 'b');
  const before = readFileSync(only());
  open(directory, 2);
  writeFileSync(join(directory, '1-1.log'), before);
  expect(idsIn(open(directory, 3))).toEqual(['a', 'b']);
});

test('files do not grow for ever, and one stays while something in it is unanswered', () => {
  const log = open();
  const stays = keep(log, 'stays');
  const bytes = () => segments().reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  for (let i = 0; i < 40; i++) answerAll(log, log.keep([reportOf(`c${i}`, 1024 * 1024)]));
  expect(segments()).toHaveLength(2);
  expect(bytes()).toBeLessThan(12 * 1024 * 1024);
  expect(idsIn(afterEnd())[0]).toBe('stays');
  answerAll(log, stays);
  expect(segments()).toHaveLength(1);
});

/** Skips the syncs, which prove nothing here: a test that opens a thousand logs would wait for the disk. */
function withoutSyncs(): void {
  jest.spyOn(fs, 'fsyncSync').mockReturnValue();
  jest.spyOn(fs, 'fdatasyncSync').mockReturnValue();
}

describe('a file that ends within a record', () => {
  test.each([1, 20, 'all but its line break'] as const)(
    'after %s bytes of it: those before it are there, and nothing is said to be damaged',
    (more) => {
      const log = open();
      keep(log, 'a', 'b');
      const before = statSync(only()).size;
      keep(log, 'ü');
      truncateSync(only(), typeof more === 'number' ? before + more : statSync(only()).size - 1);
      const next = open(directory, 2);
      expect(idsIn(next)).toEqual(['a', 'b']);
      expect(next.warnings).toEqual([]);
    },
  );

  test('or in zeros, as some file systems leave it', () => {
    keep(open(), 'a');
    writeFileSync(only(), Buffer.alloc(4096), { flag: 'a' });
    const next = open(directory, 2);
    expect(idsIn(next)).toEqual(['a']);
    expect(next.warnings).toEqual([]);
  });
});

describe('a file that was changed', () => {
  test('its other records are there, it is kept aside, and an operator is notified', () => {
    const log = open();
    for (const id of ['a', 'b', 'c']) keep(log, id);
    const bytes = readFileSync(only());
    bytes.write('B', bytes.indexOf('"id":"b"') + 6);
    writeFileSync(only(), bytes);
    const next = open(directory, 2);
    expect(idsIn(next)).toEqual(['a', 'c']);
    expect(next.warnings).toEqual([
      expect.stringMatching(/^1 lines? of the outcomes in .*1-1\.log .* kept as 1-1\.log\.damaged/),
    ]);
    expect(readFileSync(join(directory, '1-1.log.damaged'))).toEqual(bytes);
    next.close();
    // Once: it is no file of the log any more.
    expect(open(directory, 3).warnings).toEqual([]);
  });

  test('with a checksum that fits: what is no outcome is put aside', () => {
    const log = open();
    log.keep([{ ...reportOf('a'), attempt: 'x' } as unknown as JournalledReport, reportOf('b')]);
    const next = open(directory, 2);
    expect(idsIn(next)).toEqual(['b']);
    expect(next.warnings).toEqual([
      expect.stringMatching(/cannot be understood: 1, the first since attempt: /),
    ]);
    expect(readFileSync(join(directory, '2.unreadable'), 'utf8')).toMatch(/\\"attempt\\":\\"x\\"/);
  });
});

const noSpace = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

describe('a disk that is full', () => {
  test('keep says so; what it wrote of it does not spoil what is kept when there is room again', () => {
    const log = open();
    keep(log, 'a');
    const write = fs.writeSync as (
      fd: number,
      bytes: Buffer,
      offset: number,
      length: number,
      at: number,
    ) => number;
    jest
      .spyOn(fs, 'writeSync')
      .mockImplementationOnce((...[fd, bytes, , , at]: unknown[]) =>
        write(fd as number, bytes as Buffer, 0, 30, at as number),
      )
      .mockImplementationOnce(() => {
        throw noSpace;
      });
    expect(() => keep(log, 'b')).toThrow(/\.log: ENOSPC: no space left on device, write$/);
    jest.restoreAllMocks();
    keep(log, 'c');
    expect(idsIn(log)).toEqual(['a', 'c']);
    const next = open(directory, 2);
    expect(idsIn(next)).toEqual(['a', 'c']);
    // Nothing that was kept is damaged.
    expect(next.warnings).toEqual([]);
  });

  test('a run that cannot take over what others left says so, and leaves it as it is', () => {
    keep(open(), 'a');
    const before = readFileSync(only());
    jest.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw noSpace;
    });
    expect(() => open(directory, 2)).toThrow(/\.log: ENOSPC: no space left on device, write$/);
    jest.restoreAllMocks();
    expect(segments()).toEqual(['1-1.log']);
    expect(readFileSync(only())).toEqual(before);
    expect(idsIn(open(directory, 2))).toEqual(['a']);
  });
});

test('what earlier runs left is synced, and so is its name, before their files go', () => {
  keep(open(), 'a');
  const calls: string[] = [];
  for (const name of ['fsyncSync', 'fdatasyncSync', 'unlinkSync'] as const) {
    const real = fs[name] as (of: never) => void;
    jest.spyOn(fs, name).mockImplementation(((of: never) => {
      calls.push(name);
      real(of);
    }) as never);
  }
  open(directory, 2);
  expect(calls).toEqual(['fsyncSync', 'fdatasyncSync', 'unlinkSync']);
});

test('nothing is kept in a log that is closed, nor answered there', () => {
  const log = open();
  const kept = keep(log, 'a');
  log.close();
  expect(() => keep(log, 'b')).toThrow('the outcome log is closed');
  answerAll(log, kept);
  expect(idsIn(open(directory, 2))).toEqual(['a']);
});

test('a run that cannot delete what it took over says so, and the next one has all of it, once', () => {
  for (const boot of [1, 2]) keep(open(mkdtempSync(join(directory, 'run-')), boot), `of ${boot}`);
  for (const run of readdirSync(directory)) {
    for (const name of segments(join(directory, run)))
      copyFileSync(join(directory, run, name), join(directory, name));
    rmSync(join(directory, run), { recursive: true });
  }
  const unlink = fs.unlinkSync;
  jest
    .spyOn(fs, 'unlinkSync')
    .mockImplementationOnce(unlink)
    .mockImplementationOnce(() => {
      throw new Error('EPERM: operation not permitted, unlink');
    });
  expect(() => open(directory, 3)).toThrow('EPERM');
  jest.restoreAllMocks();
  expect(idsIn(open(directory, 4)).sort()).toEqual(['of 1', 'of 2']);
});

/** A disk whose syncs end when the test decides. */
function disk() {
  const syncs: { readonly bytes: number; readonly end: (error?: Error) => void }[] = [];
  jest.spyOn(fs, 'fdatasync').mockImplementation((fd, callback) => {
    const bytes = fs.fstatSync(fd).size;
    syncs.push({ bytes, end: (error) => callback(error ?? null) });
  });
  return syncs;
}

describe('the sync', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('begins when an outcome was not answered for 2 ms, and not when it was', () => {
    const syncs = disk();
    const log = open();
    answerAll(log, keep(log, 'a'));
    jest.advanceTimersByTime(100);
    expect(syncs).toEqual([]);
    keep(log, 'b');
    jest.advanceTimersByTime(1);
    expect(syncs).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(syncs).toHaveLength(1);
    expect(syncs[0]?.bytes).toBe(statSync(only()).size);
  });

  test('is not done for what is answered at once, whatever else is unanswered for long', () => {
    const syncs = disk();
    const log = open();
    keep(log, 'stays');
    jest.advanceTimersByTime(2);
    syncs[0]?.end();
    for (let i = 0; i < 10; i++) {
      answerAll(log, keep(log, `c${i}`));
      jest.advanceTimersByTime(10);
    }
    expect(syncs).toHaveLength(1);
  });

  test('is done again for what was kept while one was under way', () => {
    const syncs = disk();
    const log = open();
    keep(log, 'a');
    jest.advanceTimersByTime(2);
    keep(log, 'b');
    jest.advanceTimersByTime(100);
    expect(syncs).toHaveLength(1);
    syncs[0]?.end();
    jest.advanceTimersByTime(2);
    expect(syncs).toHaveLength(2);
    expect(syncs[1]?.bytes).toBe(statSync(only()).size);
    syncs[1]?.end();
    jest.advanceTimersByTime(100);
    expect(syncs).toHaveLength(2);
  });

  test('that fails is said, and nothing more is kept on that disk', () => {
    const syncs = disk();
    const log = open();
    const failed = jest.fn();
    log.onFailure(failed);
    keep(log, 'a');
    jest.advanceTimersByTime(2);
    const error = new Error('EIO: i/o error, fdatasync');
    syncs[0]?.end(error);
    expect(failed.mock.calls).toEqual([[error]]);
    expect(() => keep(log, 'b')).toThrow(error);
  });

  test('of a file that is no longer needed ends before that is deleted, and its error says nothing', () => {
    const syncs = disk();
    const log = open();
    const failed = jest.fn();
    log.onFailure(failed);
    const kept = log.keep([reportOf('a', 5 * 1024 * 1024)]);
    jest.advanceTimersByTime(2);
    keep(log, 'b');
    answerAll(log, kept);
    expect(segments()).toHaveLength(2);
    syncs[0]?.end(new Error('EIO'));
    expect(segments()).toHaveLength(1);
    expect(failed).not.toHaveBeenCalled();
  });

  test('is not left to chance when the log is closed with something unanswered', () => {
    const now = jest.spyOn(fs, 'fdatasyncSync');
    const log = open();
    keep(log, 'a');
    log.close();
    expect(now).toHaveBeenCalledTimes(1);
    expect(segments()).toHaveLength(1);
  });
});

/** Anything that can happen to a log, in any order; then the power is cut, and whatever was not synced may be gone. */
describe('generated lives', () => {
  type Step = 'keep' | 'answer' | 'sync' | 'tidy' | 'run';
  interface Life {
    readonly steps: readonly { readonly what: Step; readonly many: number; readonly pick: number }[];
    /** How much of what was not synced is on the disk all the same. */
    readonly luck: number;
  }
  const lifeOf = (random: Random): Life => ({
    steps: Array.from({ length: 1 + below(random, 12) }, () => ({
      what: oneOf<Step>(random, ['keep', 'keep', 'keep', 'answer', 'answer', 'sync', 'tidy', 'run']),
      many: 1 + below(random, 3),
      pick: random(),
    })),
    luck: random(),
  });

  beforeEach(withoutSyncs);

  test('after a power cut what was synced and not answered is there, and nothing that was not kept', async () => {
    await forGenerated(lifeOf, ({ steps, luck }, index) => {
      const at = join(directory, `life-${index}`);
      const logs = [new OutcomeLog(at, 1)];
      let [log] = logs as [OutcomeLog];
      /** By file: how many of its bytes a power cut leaves for certain. */
      let synced = new Map<string, number>();
      const sizes = () => new Map(segments(at).map((name) => [name, statSync(join(at, name)).size] as const));
      let open: { kept: Kept; ids: string[] }[] = [];
      const safe = new Set<string>();
      const known = new Set<string>();
      let count = 0;
      for (const { what, many, pick } of steps) {
        switch (what) {
          case 'keep': {
            const ids = Array.from({ length: many }, () => `c${count++}`);
            open.push({ kept: keep(log, ...ids), ids });
            for (const id of ids) known.add(id);
            break;
          }
          case 'answer': {
            const [one] = open.splice(Math.floor(pick * open.length), 1);
            if (!one) break;
            answerAll(log, one.kept);
            for (const id of one.ids) safe.delete(id);
            break;
          }
          case 'sync':
            synced = sizes();
            for (const { ids } of open) for (const id of ids) safe.add(id);
            break;
          case 'tidy':
            log.tidy();
            break;
          case 'run': {
            // Simulates a kill: nothing was closed in good order; only the file stays open.
            log = new OutcomeLog(at, 1);
            logs.push(log);
            const found = new Map<Kept, string[]>();
            for (const { report, kept } of log.unanswered()) {
              found.set(kept, [...(found.get(kept) ?? []), report.id]);
            }
            open = [...found].map(([kept, ids]) => ({ kept, ids }));
            synced = sizes();
            for (const { ids } of open) for (const id of ids) safe.add(id);
          }
        }
      }
      for (const [name, size] of sizes()) {
        const certain = synced.get(name) ?? 0;
        truncateSync(join(at, name), certain + Math.floor((size - certain) * luck));
      }
      logs.push(new OutcomeLog(at, 1));
      const ids = idsIn(logs.at(-1) as OutcomeLog);
      expect(ids.filter((id) => !known.has(id))).toEqual([]);
      expect([...safe].filter((id) => !ids.includes(id))).toEqual([]);
      expect(new Set(ids).size).toBe(ids.length);
      for (const one of logs) one.close();
      rmSync(at, { recursive: true });
    });
  });
});
