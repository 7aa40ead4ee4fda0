import { type Readable } from 'node:stream';
import { harmless } from '../../shared/runtime/harmless.js';
import { lineFor } from './colours.js';
import { exitCodes } from './exit-codes.js';
import { type Paint, paintFor } from './paint.js';

/** As far as the command line cares about a stream that it writes to. */
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
  /** Aborted by Ctrl-C; and when `isChanging`, as soon as nobody reads standard output any more. */
  readonly signal: AbortSignal;
  /** What is under way does more than to print: it is not done when whoever reads has had enough. */
  isChanging = false;
  /** How the program is to end: a subcommand that has failed without an exception says so here. */
  exitCode: number = exitCodes.done;

  constructor({ stdin, stdout, stderr }: Streams, signal: AbortSignal) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.paint = paintFor(stdout);
    this.errorPaint = paintFor(stderr);
    this.signal = signal;
  }

  /** Standard output belongs to what was asked for. Whoever wrote it, it is one line, and harmless. */
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
