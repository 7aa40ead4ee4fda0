import { pino, type DestinationStream } from 'pino';
import { standardLog } from './log-output.js';

/** pino's number of a warning; what is worse has a higher one. */
const warnLevel = pino.levels.values.warn ?? 0;

/**
 * Where a server's log goes. The lines of one event-loop tick are one write: a write for each
 * request was a seventh of what a submission costs. A warning, or worse, is written at once with all
 * before it: the last words of a process that dies are not lost.
 */
export class BufferedLogOutput implements DestinationStream {
  /** Makes pino set `lastLevel` for each line. */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  readonly #output: DestinationStream;
  #lines = '';

  /** @param output standard output when left out */
  constructor(output: DestinationStream = standardLog) {
    this.#output = output;
  }

  write(line: string): void {
    if (this.#lines === '') setImmediate(() => this.flush());
    this.#lines += line;
    if (this.lastLevel >= warnLevel) this.flush();
  }

  /** Writes what is there, for a process that ends. */
  flush(): void {
    if (this.#lines === '') return;
    const lines = this.#lines;
    this.#lines = '';
    this.#output.write(lines);
  }
}
