import { usualMix } from '../chaos/mix.js';
import { judgeRun } from '../chaos/report/verdict.js';
import { reportText } from '../chaos/report/text.js';
import { runChaos } from '../chaos/run.js';

/** A minute of everything that `npm run chaos` does, on both transports. */

const seed = Number(process.env.SEED ?? 1);

it(`a minute of chaos breaks no promise, and has tried to (SEED=${seed})`, async () => {
  const record = await runChaos({
    seed,
    durationSeconds: 60,
    roundSeconds: 60,
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
  expect(verdict.figures.verified).toBeGreaterThanOrEqual(40);
  expect(record.rounds.flatMap(({ agents }) => agents)).toEqual(expect.arrayContaining(['redis', 'http']));
});
