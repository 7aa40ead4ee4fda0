import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { ensureRedisBinary } from '../shared/runtime/redis-binary.js';
import { guard } from './guardian.js';

/** The repository's root, from `testing` as from `dist/testing`. */
export const repositoryRoot = resolve(
  __dirname,
  __dirname.includes(join('dist', 'testing')) ? '../..' : '..',
);

export interface TestRedisOptions {
  /** Listen on this loopback port too; else on a unix socket only. */
  readonly port?: number;
  /** More `redis.conf` directives, for example `{ maxmemory: '4mb' }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Laid over this process's environment, for example `LD_PRELOAD`. */
  readonly env?: Readonly<Record<string, string>>;
  /** In a process group of its own: a Ctrl-C in the terminal is not for it. */
  readonly ownGroup?: boolean;
}

/**
 * A private, real Redis from the project's own redis.conf, as a child process with a directory of
 * its own. It can be killed like any other: `kill()` is SIGKILL, `start()` brings it back on the
 * same data.
 */
export class TestRedis {
  readonly directory: string;
  readonly socket: string;
  readonly port: number | undefined;
  readonly #config: Readonly<Record<string, string>>;
  readonly #env: Readonly<Record<string, string>>;
  readonly #ownGroup: boolean;
  #process: ChildProcess | undefined;
  readonly #clients = new Set<Redis>();

  private constructor(directory: string, options: TestRedisOptions) {
    this.directory = directory;
    this.socket = join(directory, 'redis.sock');
    this.port = options.port;
    this.#config = options.config ?? {};
    this.#env = options.env ?? {};
    this.#ownGroup = options.ownGroup ?? false;
  }

  static async start(options: TestRedisOptions = {}): Promise<TestRedis> {
    const redis = new TestRedis(await mkdtemp(join(tmpdir(), 'fencepost-redis-')), options);
    await redis.start();
    return redis;
  }

  /** A value for `REDIS_URL`. */
  get url(): string {
    return this.port === undefined ? `unix://${this.socket}` : `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('this Redis is not running');
    return pid;
  }

  /**
   * Starts the server and waits until it has loaded its data.
   *
   * @param config more directives, for this start only
   */
  async start(config: Readonly<Record<string, string>> = {}): Promise<void> {
    const binary = await ensureRedisBinary((line) => process.stderr.write(`${line}\n`));
    const directives = {
      port: String(this.port ?? 0),
      bind: '127.0.0.1',
      unixsocket: this.socket,
      dir: this.directory,
      ...this.#config,
      ...config,
    };
    const args = Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(binary.path, [join(repositoryRoot, 'redis.conf'), ...args], {
      argv0: binary.argv0,
      env: { ...process.env, ...this.#env },
      // Nothing of this process's own: a reader of that would wait for this Redis, too.
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.#ownGroup,
    });
    this.#process = child;
    guard(child);
    await new Promise<void>((ready, failed) => {
      let log = '';
      const read = (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-4000);
        if (log.includes('eady to accept connections')) ready();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code, signal) =>
        failed(new Error(`redis-server ended (${code ?? signal}):\n${log}`)),
      );
      child.once('error', failed);
    });
  }

  /** A client that is closed by `stop()`. */
  client(options: Partial<RedisOptions> = {}): Redis {
    const client: Redis = new Redis({ ...options, replyMapping: 'legacy', path: this.socket });
    // A test that kills Redis expects connection errors; each call's own rejection reports what failed.
    client.on('error', () => undefined);
    this.#clients.add(client);
    return client;
  }

  /** SIGKILL, as a crash. @returns the signal that it was seen to end by */
  kill(): Promise<NodeJS.Signals | null> {
    return this.#end('SIGKILL');
  }

  /** SIGSTOP: it keeps its connections and does not answer. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends the server and its clients, and deletes its directory. */
  async stop(): Promise<void> {
    // ioredis keeps a timer when it is asked to end a connection that has ended.
    for (const client of this.#clients) if (client.status !== 'end') client.disconnect();
    this.#clients.clear();
    await this.#end('SIGTERM');
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<NodeJS.Signals | null> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = once(child, 'exit');
    child.kill(signal);
    // One that is frozen would end only when it wakes.
    child.kill('SIGCONT');
    await ended;
    return child.signalCode;
  }
}
