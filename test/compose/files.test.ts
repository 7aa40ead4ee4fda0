import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { z } from 'zod';
import { ensureRedisBinary } from '../../shared/runtime/redis-binary.js';
import { repositoryRoot } from '../../testing/processes.js';

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const composeFiles = ['docker-compose.yml', 'docker-compose.prod.yml'] as const;

const serviceSchema = z.looseObject({
  restart: z.string().optional(),
  init: z.boolean().optional(),
  ports: z.array(z.string()).optional(),
  profiles: z.array(z.string()).optional(),
  command: z.union([z.string(), z.array(z.string())]).optional(),
  healthcheck: z.looseObject({ test: z.string() }).optional(),
  read_only: z.boolean().optional(),
  mem_limit: z.string().optional(),
  logging: z.looseObject({}).optional(),
});
const composeSchema = z.looseObject({ services: z.record(z.string(), serviceSchema) });

const servicesIn = (path: string) =>
  Object.entries(composeSchema.parse(parse(read(path), { merge: true })).services);

describe.each(composeFiles)('%s', (path) => {
  it('publishes ports on loopback only', () => {
    const ports = servicesIn(path).flatMap(([, service]) => service.ports ?? []);
    expect(ports).not.toEqual([]);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('brings back what crashes, and reaps what it leaves', () => {
    const lasting = servicesIn(path).filter(([, { profiles }]) => profiles === undefined);
    expect(lasting.map(([name, { restart, init }]) => [name, restart, init])).toEqual(
      ['redis', 'server', 'agent'].map((name) => [name, 'unless-stopped', true]),
    );
  });

  it('has nothing that compose 1.29 or compose v2 would refuse', () => {
    const file = z.record(z.string(), z.unknown()).parse(parse(read(path), { merge: true }));
    const known = ['services', 'volumes'];
    expect(Object.keys(file).filter((key) => !known.includes(key) && !key.startsWith('x-'))).toEqual([]);
    expect(read(path)).not.toMatch(/start_interval|\bname:|env_file:|restart: true/);
  });

  it('asks for no variable that .env.example does not explain', () => {
    const asked = [...read(path).matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    const explained = [...read('.env.example').matchAll(/^#([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(asked.filter((name) => !explained.includes(name))).toEqual([]);
  });
});

it('gives released containers nothing to write to, a bound on memory, and logs that are turned over', () => {
  for (const [, service] of servicesIn('docker-compose.prod.yml')) {
    const hardened = { read_only: true, cap_drop: ['ALL'], logging: { options: { 'max-size': '20m' } } };
    expect(service).toMatchObject(hardened);
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
  }
});

it('gives Redis its password in no argument, and Redis asks for it', async () => {
  const redis = servicesIn('docker-compose.prod.yml').find(([name]) => name === 'redis')?.[1];
  const [shell = '', flag = '', script = ''] = z.array(z.string()).parse(redis?.command);
  expect(script).not.toContain('REDIS_PASSWORD');
  const directory = await mkdtemp(join(tmpdir(), 'fencepost-prod-'));
  const socket = join(directory, 's');
  const { path, argv0 } = await ensureRedisBinary(() => undefined);
  // Under the name and at the places that the image has.
  const here = script
    .replaceAll('$$', '$')
    .replace('redis-server', `'${path}'`)
    .replace(/\$\{REDIS_MAXMEMORY:-(\w+)\}/, '$1')
    .replace('/etc/fencepost/redis.conf', join(repositoryRoot, 'redis.conf'))
    .replace('--dir /data', `--dir '${directory}' --port 0 --unixsocket '${socket}'`)
    .replace('exec ', `exec -a '${argv0}' `);
  const env = { ...process.env, REDISCLI_AUTH: 'a b$c' };
  const started = spawn(shell === 'sh' ? 'bash' : shell, [flag, here], { env, stdio: 'ignore' });
  const ended = once(started, 'exit');
  const client: Redis = new Redis({ path: socket, password: 'a b$c', retryStrategy: () => 50 });
  client.on('error', () => undefined);
  expect(await client.config('GET', 'requirepass')).toEqual(['requirepass', 'a b$c']);
  client.disconnect();
  started.kill();
  await ended;
  await rm(directory, { recursive: true });
});

it('leaves no package manager in the image of the server', () => {
  const [, last = ''] = /(\nFROM [^\n]*\n(?:(?!\nFROM ).)*)$/s.exec(read('server/Dockerfile')) ?? [];
  expect(last).toMatch(/^RUN rm -rf \/usr\/local\/lib\/node_modules .*\/npm .*\/npx .*[^]*\/yarn /m);
  expect(last).toMatch(/^ENTRYPOINT \["node"/m);
});
