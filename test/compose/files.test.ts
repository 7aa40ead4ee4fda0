import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
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
      steps: z.array(z.looseObject({ uses: z.string().optional() })).optional(),
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

it('lets Dependabot look after packages, actions and images', () => {
  const schema = z.object({ updates: z.array(z.looseObject({ 'package-ecosystem': z.string() })) });
  const { updates } = schema.parse(z.unknown().parse(parse(read('.github/dependabot.yml'))));
  const ecosystems = updates.map((update) => update['package-ecosystem']);
  expect(ecosystems).toEqual(['npm', 'github-actions', 'docker']);
});
