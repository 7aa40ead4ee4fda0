import {
  chmodSync,
  existsSync,
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
import { ClassicLevel } from 'classic-level';
import { seededRandom } from '../testing/random.js';
import { Journal } from './journal.js';
import { type JournalledReport } from './journal-records.js';
import { JournalUnavailable } from './journal-store.js';

/** The agent starts, whatever the disk has: what can be read is reported, what cannot is put aside. */

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'fencepost-journal-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const open = (name = 'agent-x') => Journal.open(directory, () => name);

/** Another hand, or another version, writes into it. */
async function withStore<T>(work: (db: ClassicLevel) => Promise<T>): Promise<T> {
  const db = new ClassicLevel(join(directory, 'journal'));
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

const report = (id: string, outcome: JournalledReport['outcome']): JournalledReport => ({
  id,
  agentId: 'agent-x',
  session: 's.1',
  attempt: 1,
  outcome,
});
const done = { status: 'COMPLETED', result: '{"ok":true}' } as const;
const failure = {
  status: 'FAILED',
  code: 'EXECUTION_FAILED',
  message: 'no luck',
  executed: 'yes',
  retryable: true,
  pauseMs: 0,
} as const;

const idsIn = (journal: Journal) => journal.outcomes.unanswered().map(({ report: { id } }) => id);

/** @returns what is to be reported, and what this run put aside */
async function readBack(): Promise<{ ids: string[]; pauses: number[]; aside: string[] }> {
  const before = asides();
  const journal = await open();
  try {
    const pauses = journal.outcomes
      .unanswered()
      .flatMap(({ report: { outcome } }) => (outcome.status === 'FAILED' ? [outcome.pauseMs] : []));
    return { ids: idsIn(journal), pauses, aside: asides().slice(before.length) };
  } finally {
    await journal.close();
  }
}

const outcomes = () => join(directory, 'outcomes');
/** The texts of what was put aside, of all runs. */
function asides(): string[] {
  if (!existsSync(outcomes())) return [];
  const files = readdirSync(outcomes()).filter((name) => name.endsWith('.unreadable'));
  const lines = files
    .sort()
    .flatMap((name) => readFileSync(join(outcomes(), name), 'utf8').trim().split('\n'));
  return lines.map((line) => (JSON.parse(line) as { text: string }).text);
}

describe('what earlier versions wrote', () => {
  test('an identity of a boot counter goes on as that agent, in a session that is new', async () => {
    await withStore((db) =>
      db.put('identity', JSON.stringify({ agentId: 'billing-1', instance: '0123456789abcdef', boot: 6 })),
    );
    const journal = await open();
    expect(journal.identity).toMatchObject({
      agentId: 'billing-1',
      instance: '0123456789abcdef',
      earlier: [],
    });
    expect(journal.identity.boot).toBeGreaterThan(6);
    expect(journal.identity.session).toMatch(/^0123456789abcdef\.\d{13}\.r[0-9a-f]{16}$/);
    await journal.close();
  });

  test('and can read what this one writes', async () => {
    await (await open()).close();
    const stored = await withStore((db) => db.get('identity'));
    expect(JSON.parse(stored ?? '')).toMatchObject({
      agentId: 'agent-x',
      instance: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      boot: expect.any(Number) as number,
    });
  });

  // Number('Wed, 21 Oct …') * 1000, which JSON writes as null, and a backoff by 1.5.
  test('a pause of NaN, a fraction, a negative or an endless one is a pause within bounds', async () => {
    const texts = [null, 1234.5678, -5, 1e300].map((pauseMs, i) => ({
      ...report(`c${i}`, failure),
      outcome: { ...failure, pauseMs },
    }));
    await withStore((db) => db.put('outcome:1:1', JSON.stringify(texts)));
    expect(await readBack()).toEqual({
      ids: ['c0', 'c1', 'c2', 'c3'],
      pauses: [0, 1235, 0, 365 * 24 * 3600 * 1000],
      aside: [],
    });
  });

  test('one outcome by itself is read like an array of one', async () => {
    await withStore((db) => db.put('outcome:1:1', JSON.stringify(report('a', done))));
    expect((await readBack()).ids).toEqual(['a']);
  });
});

test('an outcome that cannot be read is put aside, and those in its record are reported', async () => {
  const bad = { ...report('bad', done), attempt: 'x' };
  const record = JSON.stringify([report('a', done), bad, report('b', failure)]);
  await withStore((db) => db.put('outcome:1:1', record));
  expect(await readBack()).toMatchObject({ ids: ['a', 'b'], aside: [JSON.stringify(bad)] });
  // Once: the next run has it where it is kept, and not among what is to be reported.
  expect(await readBack()).toMatchObject({ ids: ['a', 'b'], aside: [] });
  expect(asides()).toEqual([JSON.stringify(bad)]);
  expect(await withStore((db) => db.keys({ gte: 'outcome:', lt: 'outcome:~' }).all())).toEqual([]);
});

test('says how many outcomes cannot be understood, why, and where they are', async () => {
  await (await open()).close();
  await withStore((db) => db.put('outcome:1:1', '{"id":'));
  const journal = await open();
  expect(journal.warnings).toEqual([
    expect.stringMatching(
      /cannot be understood: 1, the first since is not JSON\. .*outcomes\/\d+\.unreadable/,
    ),
  ]);
  await journal.close();
});

test('settled runs are forgotten, and others are remembered until then', async () => {
  const first = await open();
  await first.close();
  const second = await open();
  expect(second.identity.earlier).toEqual([first.identity.session]);
  await second.close();
  const third = await open();
  expect(third.identity.earlier).toEqual([first.identity.session, second.identity.session]);
  await third.settled();
  await third.close();
  const fourth = await open();
  expect(fourth.identity.earlier).toEqual([third.identity.session]);
  await fourth.close();
});

test('is for its owner alone, whatever the umask', async () => {
  chmodSync(directory, 0o777);
  const umask = process.umask(0);
  try {
    const journal = await open();
    for (const path of [directory, join(directory, 'journal'), outcomes()])
      expect(statSync(path).mode & 0o777).toBe(0o700);
    await journal.close();
  } finally {
    process.umask(umask);
  }
});

const store = () => join(directory, 'journal');
const named = (pattern: RegExp) =>
  readdirSync(store())
    .filter((name) => pattern.test(name))
    .map((name) => join(store(), name));

describe('a journal that a power cut has damaged', () => {
  test.each<[string, () => void]>([
    ['CURRENT is empty', () => writeFileSync(join(store(), 'CURRENT'), '')],
    ['CURRENT is garbage', () => writeFileSync(join(store(), 'CURRENT'), 'x')],
    ['CURRENT is gone', () => rmSync(join(store(), 'CURRENT'))],
    ['MANIFEST is cut', () => named(/^MANIFEST/).forEach((path) => truncateSync(path, 10))],
    ['MANIFEST is empty', () => named(/^MANIFEST/).forEach((path) => truncateSync(path, 0))],
    ['MANIFEST is gone', () => named(/^MANIFEST/).forEach((path) => rmSync(path))],
  ])('%s: it is mended, and says so; its identity and its outcomes are there', async (_, damage) => {
    const before = await open();
    before.outcomes.keep([report('a', done)]);
    await before.close();
    damage();
    const journal = await open('another name');
    expect(journal.identity).toMatchObject({ agentId: 'agent-x', instance: before.identity.instance });
    expect(journal.warnings).toEqual([
      expect.stringMatching(/was damaged .* kept in .*journal\.damaged-\d+; what could be read/),
    ]);
    expect(idsIn(journal)).toEqual(['a']);
    await journal.close();
  });

  test('is left alone while its agent lives', async () => {
    const living = await open();
    living.outcomes.keep([report('a', done)]);
    rmSync(join(store(), 'CURRENT'));
    const files = named(/^(MANIFEST.*|.*\.log)$/);
    await expect(open()).rejects.toThrow('is in use by another agent');
    expect(readdirSync(directory)).toEqual(['journal', 'outcomes']);
    expect(named(/^(MANIFEST.*|.*\.log)$/)).toEqual(files);
    await living.close();
  });

  test.each([
    ['logs', /\.log$/, 0],
    ['tables', /\.ldb$/, 7],
  ])(
    'its %s are overwritten: it goes on as a new agent, and says that outcomes may be gone',
    async (_, pattern, byte) => {
      // Twice, so that there is a table.
      for (let i = 0; i < 2; i++) await (await open()).close();
      for (const path of named(pattern)) writeFileSync(path, Buffer.alloc(statSync(path).size, byte));
      const journal = await open();
      const isNew = journal.warnings.some((text) => text.includes('goes on as a new one'));
      // With the other file whole, an older identity may be there.
      expect(isNew || journal.identity.agentId === 'agent-x').toBe(true);
      await journal.close();
    },
  );

  test('nothing of it can be read: the agent starts with a new one, and the old one is kept', async () => {
    await (await open()).close();
    for (const path of named(/./)) if (!path.endsWith('LOCK')) writeFileSync(path, 'garbage');
    const journal = await open();
    expect(journal.warnings.join('\n')).toMatch(/was damaged.*\n?.*goes on as a new one/);
    expect(readdirSync(directory).some((name) => name.startsWith('journal.damaged-'))).toBe(true);
    await journal.close();
  });
});

describe('a disk that fails the journal: the message says what to do, and nothing is mended or deleted', () => {
  const faults: [fault: string, advice: RegExp][] = [
    ['No space left on device', /free some space on that disk, .*: outcomes that are in it are kept/],
    ['Disk quota exceeded', /free some space on that disk/],
    // How Node words that: it has no name for it.
    ['Unknown system error -122, write', /free some space on that disk/],
    ['Read-only file system', /or another DATA_DIR$/],
    ['Permission denied', /give this user the right to write there/],
    ['Too many open files', /ulimit -n/],
    ['File too large', /ulimit -f/],
    ['Input/output error', /that disk fails/],
  ];
  /** Returns an error as LevelDB and classic-level word it. */
  const errorOf = (fault: string) => new Error(`IO error: ${store()}/000003.log: ${fault}`);
  afterEach(() => jest.restoreAllMocks());

  test.each(faults)('%s, when it is opened', async (fault, advice) => {
    const before = await open();
    before.outcomes.keep([report('a', done)]);
    await before.close();
    // LevelDB answers so when it opens the database, which it also does before it is asked to.
    jest.spyOn(ClassicLevel.prototype, '_open' as never).mockRejectedValueOnce(errorOf(fault) as never);
    const files = named(/./);
    const refusal = await open().catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(JournalUnavailable);
    expect(refusal).toHaveProperty('message', expect.stringMatching(advice));
    expect(named(/./)).toEqual(files);
    expect(readdirSync(directory)).toEqual(['journal', 'outcomes']);
    expect((await readBack()).ids).toEqual(['a']);
  });

  test.each(faults)('%s, when the new session is written', async (fault, advice) => {
    jest.spyOn(ClassicLevel.prototype, 'put').mockRejectedValueOnce(errorOf(fault));
    const refusal = await open().catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(JournalUnavailable);
    expect(refusal).toHaveProperty('message', expect.stringMatching(advice));
    // The lock must be free again.
    await (await open()).close();
  });
});

test('a directory of another kind under its name says what is wrong, and nothing is deleted', async () => {
  writeFileSync(join(directory, 'journal'), 'a file');
  await expect(open()).rejects.toThrow();
  expect(readFileSync(join(directory, 'journal'), 'utf8')).toBe('a file');
});

// GENERATED_VALUES=200000 for more; SEED=<the printed one> for the same again.
describe('generated journals', () => {
  const count = Number(process.env.GENERATED_VALUES ?? 2000);
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const again = `SEED=${seed} GENERATED_VALUES=${count} npx jest -i agent/journal.test.ts`;
  const random = seededRandom(seed);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;

  const strange = (): unknown =>
    pick<() => unknown>([
      () => null,
      () => -1,
      () => 1.5,
      () => 2 ** 60,
      () => '',
      () => 'x',
      () => true,
      () => [],
      () => ({}),
      () => [[]],
      () => 'y'.repeat(10_000),
      () => '\u0000\ud800',
    ])();
  const outcomes: readonly (() => unknown)[] = [
    () => done,
    () => ({ ...done, result: 'null' }),
    () => failure,
    () => ({ ...failure, pauseMs: pick([null, 0.5, -1, 1e15]) }),
    () => ({ ...failure, result: '[1]', code: 'TIMEOUT', executed: 'unknown' }),
  ];
  /** One that an agent, of this version or an earlier one, may have written. */
  const good = (id: string) => ({
    ...report(id, done),
    outcome: random() < 0.002 ? { ...done, result: JSON.stringify('z'.repeat(1_000_000)) } : pick(outcomes)(),
  });
  /** One that none has written. */
  function bad(): unknown {
    const field = pick([
      'id',
      'agentId',
      'session',
      'attempt',
      'outcome',
      'result',
      'code',
      'executed',
      'retryable',
    ]);
    const whole = good('bad') as unknown as Record<string, unknown>;
    if (field === 'result')
      return { ...whole, outcome: { ...done, result: pick(['', '{', 'NaN', 7, null]) } };
    if (['code', 'executed', 'retryable'].includes(field)) {
      return { ...whole, outcome: { ...failure, [field]: pick([null, 7, 'x', {}]) } };
    }
    if (random() < 0.2) return strange();
    // No value that would be right there by chance.
    return { ...whole, [field]: pick([null, {}, [], true, 1.5]) };
  }
  /** @returns its text, and the ids of what can be read of it */
  function record(id: string): { text: string; ids: string[]; bad: number } {
    const kind = random();
    if (kind < 0.15) {
      const text = JSON.stringify([good(id)]);
      return { text: text.slice(0, 1 + Math.floor(random() * (text.length - 2))), ids: [], bad: 1 };
    }
    if (kind < 0.25)
      return {
        text: pick(['', '\u0000', 'null', '7', '{"a":', '"x"', 'undefined', '[[]]']),
        ids: [],
        bad: 1,
      };
    if (kind < 0.35) return { text: JSON.stringify(good(id)), ids: [id], bad: 0 };
    const items = Array.from({ length: 1 + Math.floor(random() * 4) }, () => random() < 0.6);
    const ids = items.flatMap((isGood, i) => (isGood ? [`${id}.${i}`] : []));
    const text = JSON.stringify(items.map((isGood, i) => (isGood ? good(`${id}.${i}`) : bad())));
    return { text, ids, bad: items.length - ids.length };
  }

  test(`of ${count} records of LevelDB each one that can be read is reported, the others are put aside: ${again}`, async () => {
    const records = Array.from({ length: count }, (_, i) => ({ key: `outcome:1:${i}`, ...record(`c${i}`) }));
    await withStore((db) => db.batch(records.map(({ key, text }) => ({ type: 'put', key, value: text }))));
    const { ids, pauses, aside } = await readBack();
    expect(ids.sort()).toEqual(records.flatMap(({ ids: own }) => own).sort());
    expect(aside).toHaveLength(records.reduce((sum, one) => sum + one.bad, 0));
    expect(pauses.filter((ms) => !Number.isInteger(ms) || ms < 0 || ms > 365 * 24 * 3600 * 1000)).toEqual([]);
    expect((await readBack()).aside).toEqual([]);
  });

  const damaged = Math.ceil(count / 50);
  test(`of ${damaged} damaged directories each one starts: ${again}`, async () => {
    for (let i = 0; i < damaged; i++) {
      rmSync(directory, { recursive: true });
      directory = mkdtempSync(join(tmpdir(), 'fencepost-journal-'));
      for (let run = 0; run < 2; run++) {
        const journal = await open();
        journal.outcomes.keep([report(`c${run}`, done)]);
        await journal.close();
      }
      const path = pick(named(/^(CURRENT|MANIFEST.*|.*\.(log|ldb))$/));
      const bytes = readFileSync(path);
      const at = Math.floor(random() * bytes.length);
      pick<() => void>([
        () => truncateSync(path, at),
        () => rmSync(path),
        () => writeFileSync(path, bytes.fill(Math.floor(random() * 256), at)),
        () =>
          writeFileSync(
            path,
            Buffer.concat([bytes.subarray(0, at), Buffer.from('garbage'), bytes.subarray(at)]),
          ),
      ])();
      const journal = await open();
      // They are in the log, whatever becomes of LevelDB's files.
      expect(idsIn(journal)).toEqual(['c0', 'c1']);
      journal.outcomes.keep([report('c2', done)]);
      await journal.close();
    }
  });
});
