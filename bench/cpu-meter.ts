import { threadCpuMs } from '../testing/cpu-time.js';

/** Processor time in ms, in user and kernel mode. */
export interface CpuUse {
  /** The thread in which Redis carries commands out, writes its append-only file and syncs it. */
  readonly redis: number;
  /** The rest of Redis. */
  readonly redisThreads: number;
  /** The main thread of the process that executes. */
  readonly worker: number;
  /** The other threads of that process: work that a main thread offloads is not free. */
  readonly workerThreads: number;
  /** This process, which submits. */
  readonly submitter: number;
}

export const cpuParts = ['redis', 'redisThreads', 'worker', 'workerThreads', 'submitter'] as const;

export const totalCpu = (use: CpuUse): number => cpuParts.reduce((sum, part) => sum + use[part], 0);

/**
 * Measures what a lap costs, whatever the machine does beside it. A figure counts in steps of a hundredth of a second, as the
 * kernel does: of a lap of half a second, 2 % of a core.
 */
export class CpuMeter {
  readonly #redisPid: number;
  readonly #workerPid: number | undefined;
  readonly #countsSubmitter: boolean;
  #begun: CpuUse | undefined;
  #used: CpuUse | undefined;

  /**
   * @param workerPid undefined when no worker runs
   * @param countsSubmitter false while this process only asks whether all is done
   */
  constructor(redisPid: number, workerPid: number | undefined, countsSubmitter: boolean) {
    this.#redisPid = redisPid;
    this.#workerPid = workerPid;
    this.#countsSubmitter = countsSubmitter;
  }

  begin(): void {
    this.#begun = this.#read();
  }

  end(): void {
    const [before, after] = [this.#begun, this.#read()];
    if (!before) throw new Error('what did not begin cannot end');
    const spent = (part: keyof CpuUse) => after[part] - before[part];
    const [redis, redisThreads, worker] = [spent('redis'), spent('redisThreads'), spent('worker')];
    this.#used = {
      ...{ redis, redisThreads, worker, workerThreads: spent('workerThreads') },
      submitter: this.#countsSubmitter ? spent('submitter') : 0,
    };
  }

  /** Between `begin` and `end`. */
  get used(): CpuUse {
    if (!this.#used) throw new Error('nothing was measured');
    return this.#used;
  }

  #read(): CpuUse {
    const redis = threadCpuMs(this.#redisPid);
    const worker = this.#workerPid === undefined ? { main: 0, others: 0 } : threadCpuMs(this.#workerPid);
    const { user, system } = process.cpuUsage();
    return {
      ...{ redis: redis.main, redisThreads: redis.others, worker: worker.main, workerThreads: worker.others },
      submitter: (user + system) / 1000,
    };
  }
}
