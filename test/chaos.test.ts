import { usualMix } from '../chaos/mix.js';
import { isVerified } from '../chaos/report/figures.js';
import { judgeRun } from '../chaos/report/verdict.js';
import { reportText } from '../chaos/report/text.js';
import { byExtent, isLong } from '../testing/extent.js';
import { runChaos } from '../chaos/run.js';

/**
 * Everything that `npm run chaos` does, on both transports: a minute of it with `TESTS=long`, else until some faults
 * are known to have happened, however long a busy machine takes for that.
 */

const seconds = 60;
const leastVerified = byExtent(40, 4);
const seed = Number(process.env.SEED ?? 1);

it(`${leastVerified} faults and more break no promise (SEED=${seed})`, async () => {
  const enough = new AbortController();
  const record = await runChaos(
    {
      seed,
      durationSeconds: seconds,
      roundSeconds: seconds,
      agents: byExtent(4, 2),
      servers: 2,
      clients: byExtent(32, 16),
      transport: 'both',
      leaseMs: 2500,
      retentionMs: 10_000,
      mix: usualMix,
      signal: enough.signal,
    },
    ({ faults }) => {
      if (!isLong && faults.filter(isVerified).length >= leastVerified) enough.abort();
    },
  );
  const verdict = judgeRun(record);
  // With the histories of the commands concerned, and the command that repeats it.
  // A short run does less than a run must do to be conclusive; nothing may go wrong in it.
  if (isLong ? !verdict.passed : verdict.outcome === 'failed') throw new Error(reportText(record, verdict));
  expect(verdict.figures.verified).toBeGreaterThanOrEqual(leastVerified);
  expect(record.rounds.flatMap(({ agents }) => agents)).toEqual(expect.arrayContaining(['redis', 'http']));
});
