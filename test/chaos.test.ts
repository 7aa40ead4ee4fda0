import { usualMix } from '../chaos/mix.js';
import { judgeRun } from '../chaos/report/verdict.js';
import { reportText } from '../chaos/report/text.js';
import { byExtent } from '../shared/testing/extent.js';
import { runChaos } from '../chaos/run.js';

/** Half a minute of everything that `npm run chaos` does, a minute with `TESTS=long`, on both transports. */

const seconds = byExtent(60, 35);
const seed = Number(process.env.SEED ?? 1);

it(`${seconds} s of chaos break no promise, and has tried to (SEED=${seed})`, async () => {
  const record = await runChaos({
    seed,
    durationSeconds: seconds,
    roundSeconds: seconds,
    agents: 4,
    servers: 2,
    clients: 32,
    transport: 'both',
    leaseMs: 2500,
    retentionMs: 10_000,
    mix: usualMix,
  });
  const verdict = judgeRun(record);
  // With the histories of the commands concerned, and the command that repeats it.
  if (!verdict.passed) throw new Error(reportText(record, verdict));
  expect(verdict.figures.verified).toBeGreaterThanOrEqual((seconds * 2) / 3);
  expect(record.rounds.flatMap(({ agents }) => agents)).toEqual(expect.arrayContaining(['redis', 'http']));
});
