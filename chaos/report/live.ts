import { type FaultRecord, type RoundRecord, type Sample } from '../record.js';
import { isVerified } from './figures.js';
import { findingsOfRound } from './headings.js';
import { span, times } from './units.js';

/** Where a run stands. */
export interface Progress {
  /** Rounds that have ended. */
  readonly ended: readonly RoundRecord[];
  /** The number of the round in progress. */
  readonly round: number;
  readonly elapsedMs: number;
  readonly plannedMs: number;
  /** The latest; undefined before the first. */
  readonly sample: Sample | undefined;
  readonly faults: readonly FaultRecord[];
}

/** The output, for example `process.stderr`. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** In a log, a line every so often is enough. */
const quietMs = 10_000;
const shownPerRound = 5;
const toStartOfLine = '\r';
const clearToEndOfLine = '\u001b[K';

/** One line of progress: rewritten in place on a terminal, elsewhere a new one every 10 s. */
export class LiveLine {
  readonly #screen: Screen;
  readonly #now: () => number;
  #lastAt = -Infinity;
  #unfinished = false;
  #roundsTold = 0;

  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
  }

  /** Shows the progress, at any rate of calls: a caller need not know what kind of output it writes to. */
  show(progress: Progress): void {
    for (const round of progress.ended.slice(this.#roundsTold))
      for (const line of wrongIn(round)) this.say(line);
    this.#roundsTold = progress.ended.length;
    if (this.#screen.isTTY === true) {
      // A line that wraps could not be rewritten.
      const width = (this.#screen.columns ?? 80) - 1;
      this.#screen.write(`${toStartOfLine}${cut(progressText(progress), width)}${clearToEndOfLine}`);
      this.#unfinished = true;
    } else if (this.#now() - this.#lastAt >= quietMs) {
      this.#lastAt = this.#now();
      this.#screen.write(`${progressText(progress)}\n`);
    }
  }

  /** Writes a line that stays, above the one that is rewritten. */
  say(line: string): void {
    this.end();
    this.#screen.write(`${line}\n`);
  }

  /** Call it before anything else writes to the terminal; `show` may go on after it. */
  end(): void {
    if (this.#unfinished) this.#screen.write(`${toStartOfLine}${clearToEndOfLine}`);
    this.#unfinished = false;
  }
}

/**
 * Returns what went wrong in a round. It is printed at once, since a user should not have to wait half an hour
 * to learn what the first round broke.
 */
function wrongIn(round: RoundRecord): string[] {
  const wrong = [
    ...findingsOfRound(round).map(
      ({ heading, commandId, what }) => `${heading}: ${what}, ${commandId ?? 'no single command'}`,
    ),
    ...round.troubles.map((trouble) => `trouble: ${trouble}`),
  ];
  const rest = wrong.length - shownPerRound;
  return [
    ...wrong.slice(0, shownPerRound).map((what) => `✗ round ${round.number} (seed ${round.seed}): ${what}`),
    ...(rest > 0 ? [`✗ round ${round.number}: and ${times(rest)} more`] : []),
  ];
}

export function progressText({ ended, round, elapsedMs, plannedMs, sample, faults }: Progress): string {
  const all = [...ended.flatMap((of) => of.faults), ...faults];
  const acceptedBefore = ended.reduce((sum, of) => sum + of.counts.accepted, 0);
  const broken = ended.reduce((sum, of) => sum + of.violations.length + of.troubles.length, 0);
  const last = all.at(-1);
  return [
    `${span(elapsedMs)} of ${span(plannedMs)}`,
    `round ${round}`,
    ...(broken > 0 ? [`✗ ${times(broken)} broken`] : []),
    `${times(all.filter(isVerified).length)} of ${times(all.length)} faults verified`,
    `${times(acceptedBefore + (sample?.accepted ?? 0))} commands, ${times(sample?.open ?? 0)} open`,
    ...(last === undefined
      ? []
      : [`${last.kind}${last.point === null ? '' : ` (${last.point})`}: ${last.target}`]),
  ].join(' · ');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
