import { type Plot, type Samples, type Table } from '../benchmark.js';
import { quantile, spreadOf } from '../statistics.js';
import { type Fate, type Kill, recoveredMs } from './kill.js';

/** One kind of kill, and each time that it was done. */
export interface Series {
  readonly system: string;
  readonly inFlight: number;
  readonly fate: Fate;
  readonly kills: readonly Kill[];
}

export const recoveredS = (kill: Kill) => recoveredMs(kill) / 1000;

export function lineOf(series: Series): string {
  const { median, max } = spreadOf(series.kills.map(recoveredS));
  return `  ${labelOf(series)}: median ${median.toFixed(2)} s, longest ${max.toFixed(2)} s of ${series.kills.length}`;
}

const labelOf = ({ system, inFlight, fate }: Series) => `${system}, ${inFlight} in flight, ${fate}`;

export function tableOf(all: readonly Series[]): Table {
  return {
    title: 'From SIGKILL until all is settled and the next command runs',
    columns: ['', 'in flight', 'process', 'kills', 'median, s', 'p99, s', 'min–max, s', 'executed twice'],
    rows: all.map(({ system, inFlight, fate, kills }) => {
      const seconds = kills.map(recoveredS);
      const { median, min, max } = spreadOf(seconds);
      const twice = spreadOf(kills.map(({ executedTwice }) => executedTwice));
      return [
        system,
        String(inFlight),
        fate,
        String(kills.length),
        median.toFixed(2),
        quantile(seconds, 0.99).toFixed(2),
        `${min.toFixed(2)}–${max.toFixed(2)}`,
        twice.min === twice.max ? String(twice.max) : `${twice.min}–${twice.max}`,
      ];
    }),
  };
}

export function plotOf(all: readonly Series[], title: string, fate: Fate): Plot {
  const inFlight = [...new Set(all.map((one) => one.inFlight))];
  const systems = [...new Set(all.map(({ system }) => system))];
  return {
    title,
    unit: 's',
    by: 'in flight',
    groups: inFlight.map(String),
    series: systems.map((system) => ({
      name: system,
      values: inFlight.map((size) => {
        const one = all.find(
          (each) => each.system === system && each.inFlight === size && each.fate === fate,
        );
        return one ? spreadOf(one.kills.map(recoveredS)) : null;
      }),
    })),
  };
}

export function samplesOf(series: Series): Samples[] {
  const label = labelOf(series);
  const of = (what: string, value: (kill: Kill) => number): Samples => ({
    what: `${label}: ${what}`,
    unit: 'ms',
    values: series.kills.map(value),
  });
  return [
    of('until all are settled', ({ settledMs }) => settledMs),
    of('until the next command runs', ({ nextMs }) => nextMs),
    { ...of('executed twice', ({ executedTwice }) => executedTwice), unit: 'commands' },
  ];
}
