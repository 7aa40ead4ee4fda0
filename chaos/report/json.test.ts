import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJson, runSchema, writeJson } from './json.js';
import { madeRound, madeRun, madeViolation } from './made-run.js';
import { judgeRun } from './verdict.js';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'fencepost-chaos-'))));
afterEach(() => rm(directory, { recursive: true }));

test.each([
  { name: 'a run that passed', record: madeRun() },
  { name: 'an empty run', record: madeRun({ rounds: [], commit: null }) },
  {
    name: 'a run that failed',
    record: madeRun({
      rounds: [
        madeRound({
          restMs: null,
          violations: [madeViolation({ commandId: null })],
          histories: { c: ['a line'] },
          troubles: ['server-1 ended by itself'],
        }),
      ],
    }),
  },
])('$name is read back as it was written', async ({ record }) => {
  const path = join(directory, 'run.json');
  const verdict = judgeRun(record);
  await writeJson(path, record, verdict);
  expect(await readJson(path)).toEqual({ record, verdict });
  const file: unknown = JSON.parse(await readFile(path, 'utf8'));
  expect(file).toMatchObject({ verdict: { passed: verdict.passed, failures: verdict.failures } });
});

test('what the file says of itself is not believed', async () => {
  const path = join(directory, 'run.json');
  await writeFile(path, JSON.stringify({ verdict: { passed: true }, record: madeRun({ rounds: [] }) }));
  expect((await readJson(path)).verdict.passed).toBe(false);
});

const faultOfNoKind = { ...madeRound().faults[0], kind: 'moved' };
test.each([
  { name: 'another format', record: { ...madeRun(), format: 2 } },
  {
    name: 'an unknown kind of fault',
    record: { ...madeRun(), rounds: [{ ...madeRound(), faults: [faultOfNoKind] }] },
  },
  {
    name: 'a ninth invariant',
    record: {
      ...madeRun(),
      rounds: [{ ...madeRound(), violations: [{ ...madeViolation(), invariant: 9 }] }],
    },
  },
  {
    name: 'a round without its seed',
    record: { ...madeRun(), rounds: [{ ...madeRound(), seed: undefined }] },
  },
])('$name is refused', ({ record }) => {
  expect(runSchema.safeParse(record).success).toBe(false);
});
