import { type FaultKind, type FaultRecord, type RoundRecord, type RunRecord } from '../record.js';
import { isVerified, timeToRecover } from './figures.js';
import { html, type Html } from './html.js';
import { countTicks, type Ticks, timeTicks } from './scales.js';
import { span, times, wait } from './units.js';

/** Points of a line over the whole run; more would not be seen. */
const points = 240;
/** Each drawing has coordinates of its own: pages stretch it, and lines keep their width. */
const width = 1000;
const height = 100;

/** Over the run, rounds end to end: the rates of commands, what is open, and each fault as a mark. */
export function timeline({ rounds }: RunRecord): Html {
  const placed = place(rounds);
  const ticks = timeTicks(placed.at(-1)?.endMs ?? 0);
  const all = placed.flatMap((round) => chunks(round, ticks.end));
  const rates = countTicks(
    Math.max(0, ...all.flat().flatMap((chunk) => [chunk.acceptedRate, chunk.endedRate])),
  );
  const open = countTicks(Math.max(0, ...all.flat().map((chunk) => chunk.open)));
  const line = (of: (chunk: Chunk) => number, to: Ticks, name: string) =>
    all.map((chunk) => html`<polyline class="${name}" points="${path(chunk, of, ticks, to)}" />`);
  return html`
    ${panel('Commands per second', 'rates', placed, ticks, rates, [
      ...line((chunk) => chunk.acceptedRate, rates, 'accepted'),
      ...line((chunk) => chunk.endedRate, rates, 'ended'),
    ])}
    ${panel('Commands accepted and not ended', 'waiting', placed, ticks, open, [
      ...line((chunk) => chunk.open, open, 'open'),
    ])}
    <figure class="plot">
      <figcaption>Faults <span class="key missed">not verified</span></figcaption>
      ${lanes.map((lane) => laneOf(lane, placed, ticks))} ${axis(ticks)}
    </figure>
  `;
}

interface Placed extends RoundRecord {
  readonly startMs: number;
  readonly endMs: number;
}

function place(rounds: readonly RoundRecord[]): Placed[] {
  let startMs = 0;
  return rounds.map((round) => {
    const lastMs = Math.max(round.durationMs, round.samples.at(-1)?.atMs ?? 0);
    const placed = { ...round, startMs, endMs: startMs + lastMs };
    startMs = placed.endMs;
    return placed;
  });
}

interface Chunk {
  readonly atMs: number;
  readonly acceptedRate: number;
  readonly endedRate: number;
  /** The most in it, so that no hump is smoothed away. */
  readonly open: number;
}

/** One line per round. */
function chunks({ samples, startMs }: Placed, totalMs: number): [Chunk[]] {
  const found: Chunk[] = [];
  let from = samples[0];
  let open = 0;
  for (const sample of samples.slice(1)) {
    if (from === undefined) break;
    open = Math.max(open, sample.open);
    const tookMs = sample.atMs - from.atMs;
    if (tookMs <= 0 || (tookMs < totalMs / points && sample !== samples.at(-1))) continue;
    found.push({
      atMs: startMs + (from.atMs + sample.atMs) / 2,
      acceptedRate: ((sample.accepted - from.accepted) * 1000) / tookMs,
      endedRate: ((sample.ended - from.ended) * 1000) / tookMs,
      open,
    });
    [from, open] = [sample, 0];
  }
  return [found];
}

const short = (value: number) => String(Math.round(value * 10) / 10);
const xOf = (ms: number, { end }: Ticks) => short(end === 0 ? 0 : (ms / end) * width);
const percent = (value: number, { end }: Ticks) => `${short(end === 0 ? 0 : (value / end) * 100)}%`;

function path(of: readonly Chunk[], value: (chunk: Chunk) => number, x: Ticks, y: Ticks): string {
  return of
    .map((chunk) => `${xOf(chunk.atMs, x)},${short(height - (Math.max(0, value(chunk)) / y.end) * height)}`)
    .join(' ');
}

function panel(
  title: string,
  name: 'rates' | 'waiting',
  rounds: readonly Placed[],
  x: Ticks,
  y: Ticks,
  lines: readonly Html[],
): Html {
  const keys =
    name === 'rates'
      ? html`<span class="key accepted">accepted</span> <span class="key ended">ended</span>`
      : html``;
  return html`<figure class="plot">
    <figcaption>${title} ${keys}</figcaption>
    <div class="panel ${name}">
      <svg
        viewBox="0 0 ${width} ${height}"
        preserveAspectRatio="none"
        role="img"
        aria-label="${title}, over the run; at most ${times(y.end)}"
      >
        ${y.at.map((at) => html`<path class="grid" d="M0 ${short(height - (at / y.end) * height)}H${width}" />`)}
        ${seams(rounds, x)} ${lines}
      </svg>
      ${y.at.map((at) => html`<span class="y" style="bottom:${percent(at, y)}">${times(at)}</span>`)}
    </div>
    ${axis(x)}
  </figure>`;
}

/** Where one round ends and the next begins, with fresh data. */
function seams(rounds: readonly Placed[], x: Ticks): Html[] {
  return rounds
    .slice(1)
    .map(({ startMs }) => html`<path class="seam" d="M${xOf(startMs, x)} 0V${height}" />`);
}

function axis(x: Ticks): Html {
  const marks = x.at.map(
    (at) =>
      html`<span class="${at > 0.97 * x.end ? 'end' : ''}" style="left:${percent(at, x)}">${span(at)}</span>`,
  );
  return html`<div class="x" aria-hidden="true">${marks}</div>`;
}

/** The target that a fault hits. */
export type Lane = 'agents' | 'servers' | 'Redis' | 'links' | 'entries' | 'queues';
const lanes: readonly Lane[] = ['agents', 'servers', 'Redis', 'links', 'entries', 'queues'];

export function laneOfKind(kind: FaultKind): Lane {
  if (kind.startsWith('agent')) return 'agents';
  if (kind.startsWith('server')) return 'servers';
  if (kind.startsWith('Redis')) return 'Redis';
  if (kind.startsWith('queue')) return 'queues';
  return kind === 'entry duplicated' ? 'entries' : 'links';
}

function laneOf(lane: Lane, rounds: readonly Placed[], x: Ticks): Html {
  const marks = rounds.flatMap((round) =>
    round.faults
      .filter((fault) => laneOfKind(fault.kind) === lane)
      .map(
        (fault) =>
          html`<path
            class="${isVerified(fault) ? lane : 'missed'}"
            d="M${xOf(round.startMs + fault.injectedMs, x)} 0V${height}"
            ><title>${story(fault, round)}</title></path
          >`,
      ),
  );
  return html`<div class="lane">
    <span>${lane} <b>${times(marks.length)}</b></span>
    <svg
      viewBox="0 0 ${width} ${height}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${marks.length} faults of ${lane}, over the run"
    >
      ${seams(rounds, x)} ${marks}
    </svg>
  </div>`;
}

function story(fault: FaultRecord, { startMs, number }: Placed): string {
  const took = timeToRecover(fault);
  return [
    `${span(startMs + fault.injectedMs)}, round ${number}: ${fault.kind}, ${fault.target}`,
    ...(fault.point === null ? [] : [fault.point]),
    fault.proof ?? 'not verified',
    `${fault.inFlight.length} in flight`,
    ...(took === null ? [] : [`recovered in ${wait(took)}`]),
  ].join(' · ');
}
