import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './redis-server.js';

const run = promisify(execFile);

/**
 * A wall clock that a test can set, for any program of Linux that is started with `env`: a small C
 * library, preloaded, that adds a shift to the kernel's time. Programs measure pauses by another
 * clock, which it leaves alone.
 */
export class ClockShim {
  /** For the environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #file: number;

  private constructor(directory: string, library: string) {
    this.#directory = directory;
    const path = join(directory, 'shift');
    this.#file = openSync(path, 'w');
    this.env = { LD_PRELOAD: library, FENCEPOST_CLOCK_SHIM: path };
    this.set(0);
  }

  /** Compiles the library. @throws when there is no C compiler, and none may be installed */
  static async build(): Promise<ClockShim> {
    await ensureCompiler((line) => process.stderr.write(`${line}\n`));
    const directory = await mkdtemp(join(tmpdir(), 'fencepost-clock-'));
    const library = join(directory, 'clock-shim.so');
    const source = join(repositoryRoot, 'testing/native/clock-shim.c');
    await run('cc', ['-std=gnu11', '-O2', '-Wall', '-Werror', '-fPIC', '-shared', '-o', library, source]);
    return new ClockShim(directory, library);
  }

  /** Sets the clock of every program that was started with `env`: so far ahead of the true time, in ms. */
  set(aheadMs: number): void {
    const shift = Buffer.alloc(8);
    const ns = BigInt(aheadMs) * 1_000_000n;
    if (endianness() === 'LE') shift.writeBigInt64LE(ns);
    else shift.writeBigInt64BE(ns);
    writeSync(this.#file, shift, 0, shift.length, 0);
  }

  /** Deletes it. Programs that run with it keep the shift that was set last. */
  async remove(): Promise<void> {
    closeSync(this.#file);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const howToInstall = 'The clock tests need a C compiler. Install it: sudo apt-get install -y gcc libc6-dev';

/** Finds `cc`, or installs it where this process may, as `runtime/redis-binary.ts` does for Redis. */
async function ensureCompiler(say: (line: string) => void): Promise<void> {
  if (await hasCompiler()) return;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  say('No C compiler on PATH; installing gcc and libc6-dev');
  try {
    for (const step of [
      ['update', '-qq'],
      ['install', '-y', '-qq', '--no-install-recommends', 'gcc', 'libc6-dev'],
    ]) {
      const [command = '', ...args] = [...apt, ...step];
      await run(command, args);
    }
  } catch (error) {
    throw new Error(howToInstall, { cause: error });
  }
  if (!(await hasCompiler())) throw new Error(howToInstall);
}

const hasCompiler = () =>
  run('cc', ['--version']).then(
    () => true,
    () => false,
  );
