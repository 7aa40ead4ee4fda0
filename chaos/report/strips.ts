import { type FaultKind, type FaultRecord, type RunRecord } from '../record.js';
import { type FaultRow, type Recovery, timeToRecover } from './figures.js';
import { html, type Html, nothing } from './html.js';
import { decades } from './scales.js';
import { laneOfKind } from './timeline.js';
import { times, wait } from './units.js';
import { type Verdict } from './verdict.js';

const width = 1000;
const short = (value: number) => String(Math.round(value * 10) / 10);

/** Time to recover by kind: each fault as a mark on a logarithmic axis, the middle and the worst in figures. */
export function recoveryStrips(
  { rounds }: RunRecord,
  { figures: { recovery, recoveryByKind } }: Verdict,
): Html {
  if (recovery === null) return html`<p>No fault had work in flight that recovered.</p>`;
  const faults = rounds.flatMap((round) => round.faults);
  const marks = decades(Math.max(1, quickest(faults)), Math.max(1, recovery.max));
  const row = (name: string, kind: FaultKind | null, of: Recovery) =>
    html`<tr class="${kind === null ? 'sum' : ''}">
      <th scope="row">${name} <small>${times(of.count)}</small></th>
      <td class="strip">
        ${strip(timesOf(faults, kind), of, marks, kind === null ? 'all' : laneOfKind(kind))}
      </td>
      <td>${wait(of.p50)}</td>
      <td>${wait(of.p99)}</td>
      <td>${wait(of.max)}</td>
    </tr>`;
  return html`<table class="strips">
    <thead>
      <tr>
        <th scope="col">fault</th>
        <td class="strip">
          <div class="decades" aria-hidden="true">
            ${marks.map((at, i) => html`<span style="left:${short((100 * i) / (marks.length - 1))}%">${at < 1000 ? `${at} ms` : `${at / 1000} s`}</span>`)}
          </div>
        </td>
        <th scope="col">p50</th>
        <th scope="col">p99</th>
        <th scope="col">max</th>
      </tr>
    </thead>
    <tbody>
      ${recoveryByKind.map((of) => row(of.kind, of.kind, of))} ${row('all', null, recovery)}
    </tbody>
  </table>`;
}

const quickest = (faults: readonly FaultRecord[]) => Math.min(...timesOf(faults, null));

function timesOf(faults: readonly FaultRecord[], kind: FaultKind | null): number[] {
  return faults
    .filter((fault) => kind === null || fault.kind === kind)
    .flatMap((fault) => timeToRecover(fault) ?? []);
}

function strip(took: readonly number[], of: Recovery, marks: readonly number[], name: string): Html {
  const [from, to] = [Math.log10(marks[0] ?? 1), Math.log10(marks.at(-1) ?? 10)];
  const x = (ms: number) => short(((Math.log10(Math.max(1, ms)) - from) / (to - from)) * width);
  return html`<svg viewBox="0 0 ${width} 100" preserveAspectRatio="none" aria-hidden="true">
    ${marks.map((at) => html`<path class="grid" d="M${x(at)} 0V100" />`)}
    ${took.map((ms) => html`<path class="${name}" d="M${x(ms)} 25V75" />`)}
    <path class="p50" d="M${x(of.p50)} 5V95" />
  </svg>`;
}

/** One bar in three shades: injected, of these verified, of these with work in flight. */
export function faultBar({ injected, verified, withWork }: FaultRow, most: number): Html {
  if (most === 0) return nothing;
  const bar = (name: string, count: number) =>
    html`<rect class="${name}" width="${short((count / most) * width)}" height="100" />`;
  return html`<svg viewBox="0 0 ${width} 100" preserveAspectRatio="none" aria-hidden="true">
    ${bar('injected', injected)} ${bar('verified', verified)} ${bar('work', withWork)}
  </svg>`;
}
