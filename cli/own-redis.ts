import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Logger } from '../shared/runtime/logger.js';
import { makeDirectory } from '../shared/runtime/make-directory.js';
import { writePrivateFile } from '../shared/runtime/private-file.js';
import { identify } from '../shared/runtime/process-identity.js';
import { type RedisBinary } from '../shared/runtime/redis-binary.js';
import {
  isStillRunning,
  processRecordSchema,
  recordProcess,
  signalRecorded,
  untilGone,
} from './process-record.js';
import { projectRoot } from './project-root.js';
import { untilRedisAnswers } from './redis-answers.js';
import { StartError } from './start-error.js';
import { type ChildSpec } from './supervised-child.js';

/** How long Redis may take to load and rewrite nothing, flush, and exit. Far more than it needs. */
const stopMs = 30_000;

const pidFileSchema = processRecordSchema.extend({ port: z.int(), dir: z.string() });
type PidFile = z.infer<typeof pidFileSchema>;

/**
 * The Redis that `npm start` runs: `redis.conf`, on loopback, with its data in `DATA_DIR/redis`.
 *
 * This Redis outlives a SIGKILL of its supervisor, since it has no IPC channel. The next start recognises
 * it by `DATA_DIR/redis.pid`: a second Redis on the same append-only file would corrupt that file.
 */
export class OwnRedis {
  readonly #dir: string;
  readonly #pidPath: string;
  readonly #logPath: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, 'redis');
    this.#pidPath = join(dataDir, 'redis.pid');
    this.#logPath = join(this.#dir, 'redis.log');
  }

  /** The program to supervise. */
  spec(binary: RedisBinary, port: number): ChildSpec {
    makeDirectory(this.#dir, 0o700);
    const directives = { port: String(port), bind: '127.0.0.1', dir: this.#dir, logfile: this.#logPath };
    return {
      name: 'redis',
      command: binary.path,
      argv0: binary.argv0,
      args: [
        join(projectRoot, 'redis.conf'),
        ...Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]),
      ],
      whenReady: (ended) => untilRedisAnswers(`redis://127.0.0.1:${port}`, ended),
      // An orphaned Redis would hold our output open, and a reader of that output would wait forever.
      output: 'ignore',
      stopMs,
      // No SIGKILL when all is stopped in a hurry: Redis comes last even then, and its files are the truth.
      lastSignal: 'SIGTERM',
      onStarted: (pid) => {
        const file: PidFile = { ...recordProcess(pid), port, dir: this.#dir };
        writePrivateFile(this.#pidPath, JSON.stringify(file));
      },
      onEnded: () => rmSync(this.#pidPath, { force: true }),
    };
  }

  /**
   * Stops the Redis that a killed `npm start` left on this directory.
   *
   * @returns the port that it had, undefined when there was none
   * @throws StartError when it does not stop
   */
  async endOrphan(logger: Logger, signal: AbortSignal): Promise<number | undefined> {
    const file = this.#readPidFile();
    if (!file || !isOurs(file)) return undefined;
    logger.info(`stopping the Redis (pid ${file.pid}, port ${file.port}) that a killed npm start left`);
    signalRecorded(file, 'SIGTERM');
    if (!(await untilGone(file, stopMs, signal)) && !signal.aborted) {
      throw new StartError(
        `The Redis of an earlier npm start, pid ${file.pid}, does not stop: stop it by hand`,
      );
    }
    return file.port;
  }

  /** The last thing that it logged: why it refused to start. */
  lastWords(): string {
    try {
      const line = readFileSync(this.#logPath, 'utf8').trim().split('\n').at(-1) ?? '';
      return `${line} (${this.#logPath})`;
    } catch {
      return `it left no log at ${this.#logPath}`;
    }
  }

  #readPidFile(): PidFile | undefined {
    try {
      return pidFileSchema.safeParse(JSON.parse(readFileSync(this.#pidPath, 'utf8'))).data;
    } catch {
      return undefined;
    }
  }
}

/** The same process as back then, a Redis or Valkey by its command line, and at work in our directory. */
function isOurs(file: PidFile): boolean {
  if (!isStillRunning(file)) return false;
  const identity = identify(file.pid);
  if (!identity || !/(redis|valkey)/.test(identity.command)) return false;
  // Redis changes to its directory. Where the system does not report that, its port in the command line must do.
  return identity.cwd === undefined
    ? identity.command.includes(`:${file.port}`)
    : identity.cwd === realpathSync(file.dir);
}
