import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Logger } from '../shared/runtime/logger.js';
import { writePrivateFile } from '../shared/runtime/private-file.js';
import {
  isStillRunning,
  processRecordSchema,
  recordProcess,
  signalRecorded,
  untilGone,
} from './process-record.js';

const recordsSchema = z.record(z.string(), processRecordSchema);
type Records = z.infer<typeof recordsSchema>;

/**
 * `DATA_DIR/children.json`: the server and the agents that run now. After a SIGKILL of `npm start` they
 * stop by themselves, but that takes them up to their grace time, and until then they hold the port and
 * their data directories.
 */
export class ChildRecords {
  readonly #path: string;
  readonly #records: Records;

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'children.json');
    this.#records = this.#read();
  }

  add(name: string, pid: number): void {
    this.#records[name] = recordProcess(pid);
    this.#write();
  }

  remove(name: string): void {
    Reflect.deleteProperty(this.#records, name);
    this.#write();
  }

  /** Waits up to `waitMs` for the children of an earlier start to exit, then kills those that remain. */
  async endLeftovers(waitMs: number, logger: Logger, signal: AbortSignal): Promise<void> {
    const left = Object.entries(this.#records).filter(([, record]) => isStillRunning(record));
    await Promise.all(
      left.map(async ([name, record]) => {
        logger.info(`waiting for the ${name} (pid ${record.pid}) of a killed npm start to exit`);
        if ((await untilGone(record, waitMs, signal)) || signal.aborted) return;
        logger.warn(`the ${name} (pid ${record.pid}) of a killed npm start did not exit: SIGKILL`);
        signalRecorded(record, 'SIGKILL');
        await untilGone(record, 5000, signal);
      }),
    );
    if (signal.aborted) return;
    for (const name of Object.keys(this.#records)) Reflect.deleteProperty(this.#records, name);
  }

  #read(): Records {
    try {
      return recordsSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return {};
    }
  }

  #write(): void {
    writePrivateFile(this.#path, JSON.stringify(this.#records));
  }
}
