import { counted, times } from '../../chaos/report/units.js';
import { type Measured } from '../benchmark.js';
import { type Machine } from '../machine.js';
import { spreadOf } from '../statistics.js';
import { judge, type Target, targetOf, type Unit } from '../targets.js';

/** `4.21 ×`, `63.2 %`, `0.84 s`, `571 B`. */
export function amount(value: number, unit: Unit): string {
  const digits: Readonly<Record<Unit, number>> = { '×': 2, '%': 1, s: 2, B: 0 };
  return `${value.toFixed(digits[unit])} ${unit}`;
}

/** `≥ 4 ×`. */
export function boundText({ comparison, bound, unit }: Target): string {
  return `${comparison === 'at least' ? '≥' : '≤'} ${bound} ${unit}`;
}

/** `met`, or `missed by 0.35 × (9 % of the bound)`. */
export function verdictText({ target: id, value }: Measured): string {
  const target = targetOf(id);
  const judgement = judge(target, value);
  if (judgement.met) return 'met';
  const share = Math.round((100 * judgement.missedBy) / target.bound);
  return `missed by ${amount(judgement.missedBy, target.unit)} (${share} % of the bound)`;
}

/** `4.05–4.40 ×, 5 samples`. */
export function spreadText({ target, min, max, samples }: Measured): string {
  const { unit } = targetOf(target);
  const [from, to] = [amount(min, unit), amount(max, unit)];
  return `${from.slice(0, -unit.length - 1)}–${to}, ${counted(samples.length, 'sample')}`;
}

/** Two lines: what was measured, and on what. */
export function machineText(machine: Machine): string[] {
  const { cpu, cores, memoryGb, os, node, redis, inMemory, loadAverage, fencepost, bullmq } = machine;
  return [
    `Fencepost ${fencepost}, BullMQ ${bullmq}, ${redis}, Node ${node}`,
    `${cores} cores, ${cpu}, ${memoryGb} GB, ${os}; load average ${loadAverage.toFixed(1)} at the start`,
    ...(inMemory ? ['Careful: Redis had its files in memory (tmpfs), so that syncing cost nothing.'] : []),
  ];
}

/** `12,345` for what is counted in thousands, `0.84` for what is small. */
export function figure(value: number): string {
  if (value >= 100) return times(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** `4.21 × (4.05–4.40)`: the median, and between which two all of them lie. */
export function ratioText(ratios: readonly number[]): string {
  const { median, min, max } = spreadOf(ratios);
  return `${median.toFixed(2)} × (${min.toFixed(2)}–${max.toFixed(2)})`;
}
