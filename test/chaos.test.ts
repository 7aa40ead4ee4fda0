import { usualMix } from '../chaos/mix.js';
import { judgeRun } from '../chaos/report/verdict.js';
import { reportText } from '../chaos/report/text.js';
import { byExtent, isLong } from '../shared/testing/extent.js';
import { runChaos } from '../chaos/run.js';

/** A short run of everything that `npm run chaos` does, a minute with `TESTS=long`, on both transports. */

const seconds = byExtent(60, 20);
const seed = Number(process.env.SEED ?? 1);

it(`${seconds} s of chaos break no promise (SEED=${seed})`, async () => {
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
  // A machine that is busy with other tests gets less done than a run must do to be conclusive; nothing may go wrong on it.
  if (isLong ? !verdict.passed : verdict.outcome === 'failed') throw new Error(reportText(record, verdict));
  expect(verdict.figures.verified).toBeGreaterThanOrEqual(isLong ? 40 : 5);
  expect(record.rounds.flatMap(({ agents }) => agents)).toEqual(expect.arrayContaining(['redis', 'http']));
});
