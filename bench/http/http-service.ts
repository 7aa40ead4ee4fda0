import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startProcess, type TestProcess } from '../../testing/processes.js';
import { type TestRedis } from '../../testing/redis-server.js';

const readySchema = z.object({ ready: z.literal(true), url: z.url() });

/** A server that takes commands over HTTP, as a process. */
export class HttpService {
  readonly url: string;
  readonly #process: TestProcess;
  readonly #release: () => Promise<void>;

  private constructor(process: TestProcess, url: string, release: () => Promise<void>) {
    this.#process = process;
    this.url = url;
    this.#release = release;
  }

  /** Fencepost's own server. Without a line in its log per request, which the bare route does not write either. */
  static async fencepost(redis: TestRedis): Promise<HttpService> {
    const dataDir = await mkdtemp(join(tmpdir(), 'fencepost-bench-'));
    const env = { PORT: '0', HOST: '127.0.0.1', REDIS_URL: redis.url, DATA_DIR: dataDir, LOG_LEVEL: 'warn' };
    return HttpService.#start(startProcess(['dist/server/main.js'], { ipc: true, env }), () =>
      rm(dataDir, { recursive: true, force: true }),
    );
  }

  /** `bare-route-main.ts`. */
  static bareRoute(redis: TestRedis): Promise<HttpService> {
    return HttpService.#start(startProcess(['dist/bench/http/bare-route-main.js', redis.url], { ipc: true }));
  }

  static async #start(
    process: TestProcess,
    release: () => Promise<void> = () => Promise.resolve(),
  ): Promise<HttpService> {
    try {
      const isReady = (message: unknown) => readySchema.safeParse(message).success;
      const { url } = readySchema.parse(await process.waitForMessage(isReady));
      return new HttpService(process, url, release);
    } catch (error) {
      process.kill('SIGKILL');
      await process.exited;
      await release();
      throw error;
    }
  }

  /** Kills the process: no client waits for an answer any more, so there is nothing to finish. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
    await this.#release();
  }
}
