/** Where an axis has its marks. */
export interface Ticks {
  /** The end of the axis: no value exceeds it. */
  readonly end: number;
  readonly at: readonly number[];
}

/** From 0 in steps of 1, 2 or 5 times a power of ten, 2 to 5 of them. */
export function countTicks(max: number): Ticks {
  return ticksBy(niceStep(Math.max(max, 1) / 4), Math.max(max, 1));
}

const timeSteps = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200];

/** In steps that a clock has; the axis ends where the run does. @param most how many marks fit */
export function timeTicks(totalMs: number, most = 7): Ticks {
  const step = (timeSteps.find((seconds) => totalMs / (seconds * 1000) <= most) ?? 86_400) * 1000;
  return { end: totalMs, at: ticksBy(step, totalMs).at.filter((at) => at <= totalMs) };
}

/** Powers of ten around both, at least one decade. @param min above 0 */
export function decades(min: number, max: number): readonly number[] {
  const from = Math.floor(Math.log10(min));
  const to = Math.max(from + 1, Math.ceil(Math.log10(max)));
  return Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough) ?? 10;
  return Math.max(1, step * power);
}

function ticksBy(step: number, max: number): Ticks {
  const steps = Math.ceil(max / step);
  return { end: steps * step, at: Array.from({ length: steps + 1 }, (_, i) => i * step) };
}
