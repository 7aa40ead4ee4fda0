import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { z } from 'zod';
import { ensureRedisBinary } from '../../shared/runtime/redis-binary.js';
import { repositoryRoot } from '../../shared/testing/processes.js';

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const composeFiles = ['docker-compose.yml', 'docker-compose.prod.yml'] as const;
const workflowsFolder = '.github/workflows';
const workflows = readdirSync(join(repositoryRoot, workflowsFolder)).map(
  (name) => `${workflowsFolder}/${name}`,
);

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

const workflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.looseObject({
      uses: z.string().optional(),
      'timeout-minutes': z.int().optional(),
      steps: z.array(z.looseObject({ uses: z.string().optional(), run: z.string().optional() })).optional(),
    }),
  ),
});

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

describe.each(workflows)('%s', (path) => {
  const { permissions, jobs } = workflowSchema.parse(parse(read(path)));

  it('may write nothing unless a job says what', () => expect(permissions).toEqual({ contents: 'read' }));

  it('pins every action by its major version, and bounds every job', () => {
    for (const job of Object.values(jobs)) {
      if (job.uses !== undefined) {
        expect(job.uses).toMatch(/^\.\/\.github\/workflows\//);
        continue;
      }
      expect(job['timeout-minutes']).toEqual(expect.any(Number));
      for (const { uses } of job.steps ?? []) {
        if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
      }
    }
  });
});

it('asks each night for known vulnerabilities in what is shipped', () => {
  const { jobs } = workflowSchema.parse(parse(read('.github/workflows/nightly.yml')));
  const runs = Object.values(jobs).flatMap(({ steps = [] }) => steps.map(({ run }) => run));
  expect(runs).toContainEqual(expect.stringMatching(/^npm audit --omit=dev/));
});

it('leaves no package manager in the image of the server', () => {
  const [, last = ''] = /(\nFROM [^\n]*\n(?:(?!\nFROM ).)*)$/s.exec(read('server/Dockerfile')) ?? [];
  expect(last).toMatch(/^RUN rm -rf \/usr\/local\/lib\/node_modules .*\/npm .*\/npx .*[^]*\/yarn /m);
  expect(last).toMatch(/^ENTRYPOINT \["node"/m);
});

it('lets Dependabot look after packages, actions and images', () => {
  const schema = z.object({ updates: z.array(z.looseObject({ 'package-ecosystem': z.string() })) });
  const { updates } = schema.parse(z.unknown().parse(parse(read('.github/dependabot.yml'))));
  const ecosystems = updates.map((update) => update['package-ecosystem']);
  expect(ecosystems).toEqual(['npm', 'github-actions', 'docker']);
});
