import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { pause } from '../../shared/runtime/service.js';
import { freePort, repositoryRoot } from '../../testing/processes.js';

const run = promisify(execFile);
const mostOutput = 64 * 1024 * 1024;

/** How this machine starts compose, by the newer way if it has both; undefined if there is no engine, or no compose. */
export const composeCommand: readonly [string, ...string[]] | undefined = isThere('docker', 'info')
  ? isThere('docker', 'compose', 'version')
    ? ['docker', 'compose']
    : isThere('docker-compose', 'version')
      ? ['docker-compose']
      : undefined
  : undefined;

function isThere(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

const containerSchema = z.object({
  Name: z.string(),
  Image: z.string(),
  Config: z.object({ Hostname: z.string(), Labels: z.record(z.string(), z.string()) }),
  State: z.object({
    Status: z.string(),
    ExitCode: z.int(),
    Health: z.object({ Status: z.string() }).optional(),
  }),
});
export type Inspected = z.infer<typeof containerSchema>;

/** A compose project of this test alone: names, data and port of its own. */
export class ComposeProject {
  readonly name = `fencepost-test-${randomBytes(4).toString('hex')}`;
  readonly #env: NodeJS.ProcessEnv;
  readonly url: string;

  private constructor(port: number, env: Readonly<Record<string, string>>) {
    this.#env = { ...process.env, CONTROL_SERVER_PORT: String(port), ...env };
    this.url = `http://127.0.0.1:${port}`;
  }

  static async open(env: Readonly<Record<string, string>> = {}): Promise<ComposeProject> {
    return new ComposeProject(await freePort(), env);
  }

  /** `docker compose …` in this project. @returns what it prints @throws when it fails */
  async compose(...args: readonly string[]): Promise<string> {
    const [command = 'docker', ...first] = composeCommand ?? [];
    const { stdout } = await run(command, [...first, '-p', this.name, ...args], {
      cwd: repositoryRoot,
      env: this.#env,
      maxBuffer: mostOutput,
    });
    return stdout;
  }

  async containers(): Promise<Inspected[]> {
    const filter = `label=com.docker.compose.project=${this.name}`;
    const ids = (await docker('ps', '--all', '--quiet', '--filter', filter)).split('\n').filter(Boolean);
    if (ids.length === 0) return [];
    return z.array(containerSchema).parse(JSON.parse(await docker('inspect', ...ids)));
  }

  /** Resolves when all containers are healthy. @throws when one is not to become so */
  async healthy(): Promise<Inspected[]> {
    for (;;) {
      const containers = await this.containers();
      const states = containers.map(({ State }) => State.Health?.Status ?? State.Status);
      if (states.length > 0 && states.every((state) => state === 'healthy')) return containers;
      if (states.some((state) => state === 'unhealthy' || state === 'exited')) {
        throw new Error(`${states.join(', ')}\n${await this.compose('logs', '--no-color')}`);
      }
      await pause(200);
    }
  }

  async get(path: string): Promise<unknown> {
    return (await fetch(new URL(path, this.url))).json();
  }

  /** Ends it, and deletes its data. */
  async remove(): Promise<void> {
    await this.compose('--profile', 'chaos', 'down', '--volumes', '--timeout', '5');
  }
}

export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: mostOutput });
  return stdout;
}
