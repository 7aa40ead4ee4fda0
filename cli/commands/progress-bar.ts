import { type Output } from './terminal.js';

const cells = 24;
const usualColumns = 80;
/** A person notices no more, and a remote terminal is slow. */
const betweenMs = 80;

/**
 * How far something has come, on one line that is drawn again and again, and wiped at the end. On
 * standard error, and only where that is a terminal: a log does not want it.
 */
export class ProgressBar {
  readonly #stream: Output;
  readonly #label: string;
  readonly #total: number | undefined;
  #drawnAt = -Infinity;
  #isDrawn = false;

  /** @param total undefined when it is not known: the bar then only counts */
  constructor(stream: Output, label: string, total?: number) {
    this.#stream = stream;
    this.#label = label;
    this.#total = total;
  }

  update(done: number): void {
    if (!this.#stream.isTTY || performance.now() - this.#drawnAt < betweenMs) return;
    this.#drawnAt = performance.now();
    this.#isDrawn = true;
    // A terminal whose size was never set reports 0.
    const columns = this.#stream.columns || usualColumns;
    this.#stream.write(`\r${barText(this.#label, done, this.#total).slice(0, columns)}\u001b[K`);
  }

  /** Leaves the line as it was before. */
  end(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}

/** `submitting ████████░░░░ 4,200 of 10,000`. */
export function barText(label: string, done: number, total: number | undefined): string {
  const count = done.toLocaleString('en');
  if (total === undefined || total === 0) return `${label} ${count}`;
  const full = Math.min(cells, Math.floor((cells * done) / total));
  return `${label} ${'█'.repeat(full)}${'░'.repeat(cells - full)} ${count} of ${total.toLocaleString('en')}`;
}
