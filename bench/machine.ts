import { readFile, statfs } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { z } from 'zod';
import { describeHost } from '../testing/host.js';
import { type TestRedis } from '../testing/redis-server.js';
import { version } from '../shared/runtime/version.js';

/** The machine and the software on it: without these a figure means nothing. */
export const machineSchema = z.object({
  cpu: z.string(),
  cores: z.number(),
  memoryGb: z.number(),
  os: z.string(),
  node: z.string(),
  redis: z.string(),
  appendfsync: z.string(),
  /** Redis's files are in memory: nothing is synced, and `always` costs nothing. */
  inMemory: z.boolean(),
  /** Over the last minute, when the benchmark began: what else the machine was doing. */
  loadAverage: z.number(),
  fencepost: z.string(),
  bullmq: z.string(),
});
export type Machine = z.infer<typeof machineSchema>;

const tmpfsMagic = 0x01021994;

export async function describeMachine(redis: TestRedis): Promise<Machine> {
  const client = redis.client();
  const info = await client.info('server');
  const [, appendfsync] = z.tuple([z.string(), z.string()]).parse(await client.config('GET', 'appendfsync'));
  client.disconnect();
  return {
    ...describeHost(),
    redis: serverVersion(info),
    appendfsync,
    inMemory: (await statfs(redis.directory)).type === tmpfsMagic,
    loadAverage: loadavg()[0] ?? 0,
    fencepost: version,
    bullmq: await installedBullMq(),
  };
}

/** Valkey calls itself a Redis 7.2.4 as well. */
function serverVersion(info: string): string {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  return valkey === undefined ? `Redis ${field('redis_version')}` : `Valkey ${valkey}`;
}

async function installedBullMq(): Promise<string> {
  const json: unknown = JSON.parse(await readFile(require.resolve('bullmq/package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(json).version;
}
