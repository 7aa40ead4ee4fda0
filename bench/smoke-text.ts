import { type Step, steps, type StepWrites } from './cycle.js';
import { type RaceLap, type Round } from './race.js';
import { tableText } from './report/table.js';
import { machineText } from './report/wording.js';
import { type SmokeResult } from './smoke.js';
import { type Spread, spreadOf } from './statistics.js';
import { writeBudget } from './write-budget.js';
import { totalOf } from './write-counter.js';

/** One round, as it is printed while the others are still to come. */
export function roundText({ fencepost, bullmq, ratio }: Round, number: number): string {
  const lap = (name: string, { ms, commandsPerSecond }: RaceLap) =>
    `${name} ${rate(commandsPerSecond)}/s (${Math.round(ms)} ms)`;
  return `round ${number}: ${lap('Fencepost', fencepost)}, ${lap('BullMQ', bullmq)}, ratio ${ratio.toFixed(2)}`;
}

/** The whole result, for people. */
export function resultText({ machine, load, writes, rounds, ratio }: SmokeResult): string {
  const laps = (of: (round: Round) => number) => spreadOf(rounds.map(of));
  return [
    '',
    ...machineText(machine),
    `Load: ${load.commands} no-ops per round, submitted by one process in batches of ${load.batch}, ` +
      `${load.batchesInFlight} in flight, worked off by one process with concurrency ${load.concurrency}, ` +
      `on a Redis with appendfsync ${machine.appendfsync}.`,
    'Time: from the first submission until the last completion, without an HTTP layer on either side:',
    "      Fencepost's commands are submitted by its script, as its server does it; BullMQ's by addBulk.",
    "      Fencepost's agent journals every outcome, synced, before it reports it. Both keep what is completed.",
    '',
    ...tableText([
      ['', 'commands/s', 'min–max', 'writes to Redis per command'],
      lapRow(
        'Fencepost',
        laps((round) => round.fencepost.commandsPerSecond),
        laps((round) => round.fencepost.writesPerCommand),
      ),
      lapRow(
        'BullMQ',
        laps((round) => round.bullmq.commandsPerSecond),
        laps((round) => round.bullmq.writesPerCommand),
      ),
    ]),
    '',
    `Fencepost / BullMQ: ${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}), ` +
      `the median of ${rounds.length} pairs of neighbouring rounds. No verdict: times are this machine's.`,
    '',
    `Writes of a batch of ${writes.batch}, counted by Redis (COMMAND INFO says which commands are writes):`,
    '',
    ...tableText([
      ['', ...steps, 'sum', 'per command'],
      writesRow('Fencepost', writes.fencepost, writes.batch),
      budgetRow(writes.batch),
      writesRow('BullMQ', writes.bullmq, writes.batch),
    ]),
    '',
    ...steps.map((step) => `Fencepost ${step}: ${callsText(writes.fencepost, step)}`),
    ...steps.map((step) => `BullMQ ${step}: ${callsText(writes.bullmq, step)}`),
    '',
    ...(writes.overruns.length === 0
      ? ['Fencepost is within its budget of writes.']
      : ['Fencepost exceeds its budget of writes:', ...writes.overruns]),
    '',
  ].join('\n');
}

const rate = (perSecond: number) => String(Math.round(perSecond));

const lapRow = (name: string, rates: Spread, writes: Spread) => [
  name,
  rate(rates.median),
  `${rate(rates.min)}–${rate(rates.max)}`,
  writes.median.toFixed(2),
];

function writesRow(name: string, writes: StepWrites, batch: number): string[] {
  return totalsRow(
    name,
    steps.map((step) => totalOf(writes[step])),
    batch,
  );
}

function budgetRow(batch: number): string[] {
  const most = steps.map((step) => writeBudget[step].perCommand * batch + writeBudget[step].perBatch);
  return totalsRow('its budget', most, batch);
}

function totalsRow(name: string, totals: readonly number[], batch: number): string[] {
  const sum = totals.reduce((a, b) => a + b, 0);
  return [name, ...totals.map(String), String(sum), (sum / batch).toFixed(1)];
}

function callsText(writes: StepWrites, step: Step): string {
  return Object.entries(writes[step])
    .map(([name, calls]) => `${calls} ${name}`)
    .join(', ');
}
