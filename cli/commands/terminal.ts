import { type Readable } from 'node:stream';
import { harmless } from '../../shared/runtime/harmless.js';
import { lineFor } from './colours.js';
import { exitCodes } from './exit-codes.js';
import { type Paint, paintFor } from '../paint.js';

/** The part of an output stream that the command line needs. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** The streams of a process. */
export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Where a subcommand reads and writes, and how it learns that it should stop. */
export class Terminal {
  readonly stdin: Readable;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Colours of standard output, and of standard error. */
  readonly paint: Paint;
  readonly errorPaint: Paint;
  /** Aborted by Ctrl-C, and when standard output fails; by a reader that closes it only when `isChanging`. */
  readonly signal: AbortSignal;
  /** Whether the subcommand does more than print: then it is not done when the reader of its output has enough. */
  isChanging = false;
  /** How the program is to end: a subcommand that fails without an exception sets it. */
  exitCode: number = exitCodes.done;

  constructor({ stdin, stdout, stderr }: Streams, signal: AbortSignal) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.paint = paintFor(stdout);
    this.errorPaint = paintFor(stderr);
    this.signal = signal;
  }

  /** Prints to standard output, which is for results. Text of any origin becomes one harmless line. */
  print(line: string): void {
    this.stdout.write(`${lineFor(line)}\n`);
  }

  /** One JSON document on one line, so that `--json` of many is JSON Lines: exact, since escapes are JSON's own. */
  printJson(value: unknown): void {
    this.stdout.write(`${harmless(JSON.stringify(value))}\n`);
  }

  /** Everything else: what goes on, and what is wrong. */
  say(line: string): void {
    this.stderr.write(`${lineFor(line)}\n`);
  }
}
