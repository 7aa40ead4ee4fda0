import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../chaos/report/json.js';
import { agentListSchema, submittedSchema } from '../../shared/protocol/api.js';
import { commandViewSchema } from '../../shared/protocol/commands.js';
import { repositoryRoot } from '../../testing/redis-server.js';
import { composeCommand, ComposeProject, docker } from './compose.js';

const images = ['fencepost-server', 'fencepost-agent'] as const;

if (composeCommand === undefined) {
  process.stderr.write(
    'SKIPPED: everything about containers. There is no container engine with compose on this machine ' +
      '(docker info, docker compose version).\n',
  );
  // One entry, so that it shows in the count.
  test.skip('the stack in containers: needs a container engine and compose', () => undefined);
} else {
  describe('the stack in containers', theStack);
  describe('an image with command types of the user', theOwnTypes);
  describe('the chaos profile', theChaosProfile);
}

function theStack(): void {
  let project: ComposeProject;

  // Images are built from nothing where there is no cache: far beyond the bound of a test.
  beforeAll(async () => {
    project = await ComposeProject.open();
    await project.compose('build');
  }, 1_800_000);
  afterAll(() => project.remove());

  test.each(images)('%s holds no development dependency, and runs as an unprivileged user', async (image) => {
    const look = `
      const { devDependencies } = JSON.parse(require('fs').readFileSync('package.json', 'utf8'));
      const there = Object.keys(devDependencies).filter((name) => require('fs').existsSync('node_modules/' + name));
      console.log(JSON.stringify({ uid: process.getuid(), there, cwd: process.cwd() }));`;
    const said = await docker('run', '--rm', '--entrypoint', 'node', image, '-e', look);
    expect(JSON.parse(said)).toEqual({ uid: 1000, there: [], cwd: '/app' });
  });

  test.each(images)('%s says what it is', async (image) => {
    const [inspected] = z
      .array(
        z.object({
          Config: z.object({ Labels: z.record(z.string(), z.string()), Healthcheck: z.object({}) }),
        }),
      )
      .parse(JSON.parse(await docker('image', 'inspect', image)));
    const { Labels = {} } = inspected?.Config ?? {};
    expect(Labels['org.opencontainers.image.title']).toMatch(/^Fencepost/);
    expect(Labels['org.opencontainers.image.licenses']).toBe('MIT');
  });

  it('comes up to healthy with one command, does the tour, and keeps every command over down and up', async () => {
    await project.compose('up', '-d');
    await project.healthy();

    const key = { 'idempotency-key': 'order-4711' };
    const health = { type: 'HTTP_GET_JSON', payload: { url: 'http://server:3000/health' } };
    const delayed = await submit(project, { type: 'DELAY', payload: { ms: 100 } });
    const fetched = await submit(project, health, key);
    expect(await submit(project, health, key)).toBe(fetched);
    expect(await ended(project, delayed)).toMatchObject({ status: 'COMPLETED', result: { ok: true } });
    const before = await ended(project, fetched);
    expect(before).toMatchObject({ status: 'COMPLETED', result: { status: 200, body: { status: 'ok' } } });
    expect(await redisCli(project, 'HGET', `fencepost:{0}:command:${delayed}`, 'status')).toBe('COMPLETED');

    await project.compose('down');
    expect(await project.containers()).toEqual([]);
    await project.compose('up', '-d');
    await project.healthy();
    expect(await ended(project, fetched)).toEqual(before);
    expect(await project.get('/stats')).toMatchObject({ counts: { PENDING: 0, COMPLETED: 2, FAILED: 0 } });
  });

  it('gives each of three agents on one volume an identity of its own, and keeps it over their restart', async () => {
    await project.compose('up', '-d', '--scale', 'agent=3');
    await project.healthy();
    const names = async () => {
      const { agents } = agentListSchema.parse(await project.get('/agents'));
      const hosts = (await project.containers()).map(({ Config }) => Config.Hostname);
      return agents.filter(({ host }) => hosts.includes(host)).map(({ agentId }) => agentId);
    };
    const first = await names();
    expect(new Set(first).size).toBe(3);

    await project.compose('restart', 'agent');
    await project.healthy();
    expect(new Set(await names())).toEqual(new Set(first));
  });
}

function theOwnTypes(): void {
  const folder = mkdtempSync(join(tmpdir(), 'fencepost-own-image-'));
  const image = `fencepost-own-${randomBytes(4).toString('hex')}`;

  beforeAll(async () => {
    const project = await ComposeProject.open();
    await project.compose('build', 'agent');
    const block = (page: string, pattern: RegExp) =>
      pattern.exec(readFileSync(join(repositoryRoot, 'docs', page), 'utf8'))?.[1] ?? '';
    const recipe = block('how-to/write-command-types.md', /^```dockerfile\n(.*?)^```$/ms);
    writeFileSync(join(folder, 'Dockerfile'), recipe);
    const types = block('tutorials/first-command-type.md', /^```js\n(\/\/ my-commands\.mjs\n.*?)^```$/ms);
    writeFileSync(join(folder, 'my-commands.mjs'), types);
    await docker('build', '--tag', image, folder);
  }, 1_800_000);
  afterAll(async () => {
    await docker('image', 'rm', '--force', image);
    rmSync(folder, { recursive: true, force: true });
  });

  it('loads them as docs/how-to/write-command-types.md shows', async () => {
    const look = `import(process.env.AGENT_COMMANDS.replace('.', '/app')).then(({ count }) => console.log(count.type))`;
    expect(await docker('run', '--rm', '--entrypoint', 'node', image, '-e', look)).toBe('COUNT\n');
  });
}

function theChaosProfile(): void {
  const reports = mkdtempSync(join(tmpdir(), 'fencepost-reports-'));
  let project: ComposeProject;

  beforeAll(async () => {
    project = await ComposeProject.open({
      CHAOS_REPORTS: reports,
      CHAOS_SEED: '7',
      CHAOS_INTERVAL_MS: '1500',
      LOAD_DURATION: '30s',
      LEASE_MS: '3000',
      AGENT_CONCURRENCY: '4',
      CHAOS_COMMANDS: './chaos/commands/steps.mjs',
    });
    await project.compose('--profile', 'chaos', 'build');
  }, 1_800_000);
  afterAll(async () => {
    await project.remove();
    rmSync(reports, { recursive: true, force: true });
  });

  // Not the exit code: its floors are about how much a machine can do in half a minute.
  it('hurts every kind of container, finds nothing wrong, and leaves all of them whole', async () => {
    await project.compose('--profile', 'chaos', 'up', '-d', '--scale', 'agent=3');
    const [load = ''] = (await project.compose('--profile', 'chaos', 'ps', '-q', 'load')).trim().split('\n');
    await docker('wait', load);

    const { verdict } = await readJson(join(reports, 'containers.json'));
    const { figures } = verdict;
    expect(Object.entries(figures.broken).filter(([, times]) => times > 0)).toEqual([]);
    expect({ unrecovered: figures.unrecovered, troubles: figures.troubles }).toEqual({
      unrecovered: 0,
      troubles: [],
    });
    expect(figures.accepted).toBeGreaterThan(0);
    expect(figures.progress).toBeGreaterThan(0);
    const hit = figures.faults.filter(({ verified }) => verified > 0).map(({ kind }) => kind.split(' ')[0]);
    expect(new Set(hit)).toEqual(new Set(['agent', 'server', 'Redis']));

    const states = (await project.containers())
      .filter(({ Config }) => ['agent', 'server', 'redis'].includes(serviceOf(Config)))
      .map(({ State }) => State.Status);
    expect(states).toEqual(['running', 'running', 'running', 'running', 'running']);
  }, 1_800_000);
}

const serviceOf = ({ Labels }: { readonly Labels: Readonly<Record<string, string>> }) =>
  Labels['com.docker.compose.service'] ?? '';

async function submit(
  project: ComposeProject,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await fetch(new URL('/commands', project.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return submittedSchema.parse(await answer.json()).commandId;
}

const ended = async (project: ComposeProject, id: string) =>
  commandViewSchema.parse(await project.get(`/commands/${id}?wait=30`));

async function redisCli(project: ComposeProject, ...args: readonly string[]): Promise<string> {
  return (await project.compose('exec', '-T', 'redis', 'redis-cli', ...args)).trim();
}
