import { createRequire } from 'node:module';
import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type * as PinoPretty from 'pino-pretty';
import { z } from 'zod';
import { harmless, harmlessIn } from './harmless.js';
import { LogOutput, standardLog } from './log-output.js';
import { redactPasswords } from './redact.js';
import { type logLevels } from './settings.js';

export { type Logger } from 'pino';

export interface LoggerOptions {
  /** The part of Fencepost that logs: a field of every line. */
  readonly side: 'server' | 'agent' | 'stack';
  readonly level: (typeof logLevels)[number];
  /** Readable lines instead of JSON; when left out, if standard output is a terminal. */
  readonly pretty?: boolean | undefined;
  /** Standard output when left out. */
  readonly destination?: DestinationStream;
}

/** Whether logs are to be readable: as configured, else when a person looks on. */
export function resolvePretty(configured: boolean | undefined): boolean {
  return configured ?? process.stdout.isTTY;
}

const prettyOptions = {
  colorize: process.stdout.isTTY,
  ignore: 'pid,side',
  messageFormat: '{side}[{pid}] {msg}',
  translateTime: 'SYS:HH:MM:ss.l',
};

/**
 * A logger of JSON lines, with `side` and `pid` in each. Passwords in URLs are taken out of the
 * finished line, wherever they came from: a field, a message or an error's text.
 *
 * Everything is written synchronously, so that the last lines of a process that dies are not lost; what
 * cannot be written is dropped (`LogOutput`), and the logger reports the loss when it can.
 */
export function createLogger({ side, level, pretty, destination }: LoggerOptions): Logger {
  const prettify = resolvePretty(pretty) ? loadPretty().prettyFactory(prettyOptions) : undefined;
  const output = destination ?? standardLog;
  const logger = pino(
    {
      level,
      base: { side, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      // Prints the causes below the error: the usual form repeats their messages.
      serializers: { err: stdSerializers.errWithCause },
      formatters: { level: (label) => ({ level: label }) },
      // Here and not as a transport: that would be a thread, which loses the last lines at an exit.
      hooks: { streamWrite: (line) => redactPasswords(prettify ? prettify(harmlessLine(line)) : line) },
    },
    output,
  );
  if (output instanceof LogOutput) logLossesOf(output, logger);
  return logger;
}

/** Loaded when logs are to be readable: it has 30 modules, and most processes write JSON. */
const loadPretty = () => createRequire(__filename)('pino-pretty') as typeof PinoPretty;

/** A line of JSON, as a terminal may have what is in it. */
function harmlessLine(line: string): object | string {
  try {
    return harmlessIn(z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
  } catch {
    return harmless(line.trimEnd());
  }
}

/** Logs how many lines are missing, once `output` can be written again. */
export function logLossesOf(output: LogOutput, logger: Logger): void {
  output.onRecovered = (lost) => {
    logger.warn(lost, `the log could not be written (${lost.reason}): ${lost.lines} lines are missing here`);
  };
}
