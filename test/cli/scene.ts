import { type Redis } from 'ioredis';
import { type Diagnosis } from '../../cli/doctor/diagnosis.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { Deployment, type DeploymentOptions } from '../../testing/deployment.js';
import { startServerHere } from '../server-here.js';
import { runLine, whereIs } from './command-line.js';

/** A deployment that something is wrong with, and the real program that looks at it. */

export const keys = partitionKeys();

/** No lease ends by itself, however slow the machine is, unless a test sets a shorter one for its scene. */
const leaseMs = 600_000;

export interface Scene {
  readonly deployment: Deployment;
  readonly redis: Redis;
  /** Runs `doctor`, on the scene or with other variables. */
  readonly doctor: (env?: Readonly<Record<string, string>>) => Promise<Diagnosis>;
  readonly submit: (body: object) => Promise<string>;
  readonly isDone: (id: string) => Promise<boolean>;
}

export interface SceneOptions extends Omit<DeploymentOptions, 'servers'> {
  /**
   * Registers an agent that has no process, instead of starting one: for scenes in which an agent has nothing
   * to do.
   */
  readonly isStill?: boolean;
  /** The server has a process of its own: for tests that look at it, or stop it. */
  readonly ownServer?: boolean;
}

/** Starts a scene for all tests of a table; it ends with its deployment. */
export async function startScene({
  ownServer = false,
  isStill = false,
  ...options
}: SceneOptions): Promise<Scene> {
  const env = { LEASE_MS: String(leaseMs), ...options.env };
  const deployment = await Deployment.start({
    agents: isStill ? 0 : 1,
    ...options,
    servers: ownServer ? 1 : 0,
    env,
  });
  if (!ownServer) await startServerHere(deployment, env);
  if (isStill) await registerNobody(deployment, 'still', ['default']);
  const redis = deployment.redis.client();
  const post = async (path: string, sent: object) => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sent),
    };
    return (await fetch(new URL(path, deployment.url), init)).json();
  };
  return {
    deployment,
    redis,
    doctor: async (env = {}) => {
      const { stdout, code, stderr } = await runLine(['doctor', '--json'], {
        env: { ...whereIs(deployment), ...env },
      });
      expect(stderr).toBe('');
      const diagnosis = JSON.parse(stdout) as Diagnosis;
      expect(code).toBe(diagnosis.ok ? 0 : 1);
      return diagnosis;
    },
    submit: async (sent) => ((await post('/commands', sent)) as { commandId: string }).commandId,
    isDone: async (id) => (await redis.hget(keys.command(id), 'status')) === 'COMPLETED',
  };
}

/** Runs a case on a scene of its own. */
export async function onScene(options: SceneOptions, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await startScene(options);
  try {
    await body(scene);
  } finally {
    await scene.deployment.stop();
  }
}

/** Returns all findings, as `<check>: <problem>`. */
export const found = ({ checks }: Diagnosis) =>
  checks.flatMap(({ name, findings }) => findings.map(({ problem }) => `${name}: ${problem}`));

/** Matches a single finding that holds the words, in this order. */
export const only = (...words: readonly string[]) => [
  expect.stringMatching(new RegExp(words.join('.*'), 's')) as string,
];

export const delay = (ms: number, more: object = {}) => ({ type: 'DELAY', payload: { ms }, ...more });

/** Returns all command lines that `doctor` recommends. */
export const linesOf = ({ checks }: Diagnosis) =>
  checks.flatMap(({ findings }) => findings.flatMap(({ commands }) => commands));

/** Registers an agent that has no process. */
export async function registerNobody(
  { url }: Deployment,
  agentId: string,
  queues: readonly string[],
  types: readonly object[] = [],
): Promise<void> {
  const body = { session: 'i1.1', instance: 'i1', queues, types, concurrency: 1, host: 'h1', pid: 7 };
  const init = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  expect((await fetch(new URL(`/agents/${agentId}`, url), init)).status).toBe(200);
}
