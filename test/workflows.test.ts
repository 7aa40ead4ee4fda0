import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { repositoryRoot } from '../testing/processes.js';
import { sourceFiles } from '../tools/comments.js';

/** The files that GitHub reads. Nothing runs them here, so a mistake in one would first be seen in a release. */

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const filesIn = (folder: string) =>
  readdirSync(join(repositoryRoot, folder)).map((name) => `${folder}/${name}`);
const workflows = filesIn('.github/workflows');

const permissionsSchema = z.record(z.string(), z.string());
const stepSchema = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).default({}),
});
const jobSchema = z.looseObject({
  uses: z.string().optional(),
  'timeout-minutes': z.int().optional(),
  permissions: permissionsSchema.optional(),
  steps: z.array(stepSchema).default([]),
});
const workflowSchema = z.looseObject({
  permissions: permissionsSchema,
  jobs: z.record(z.string(), jobSchema),
});
const packageSchema = z.object({
  engines: z.object({ node: z.string() }),
  scripts: z.record(z.string(), z.string()),
});
const { engines, scripts } = packageSchema.parse(z.unknown().parse(JSON.parse(read('package.json'))));

const readWorkflow = (path: string) => workflowSchema.parse(parse(read(path)));
const stepsOf = (path: string) => Object.values(readWorkflow(path).jobs).flatMap(({ steps }) => steps);
const runsOf = (path: string) => stepsOf(path).flatMap(({ run }) => run ?? []);

/** Each `uses:` of a workflow as it is written, with the comment behind it. */
const usesOf = (path: string): string[] =>
  [...read(path).matchAll(/^ +(?:- )?uses: (.+)$/gm)].map(([, uses = '']) => uses);

const sourceFolders = readdirSync(repositoryRoot, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['.git', 'data', 'dist', 'node_modules'].includes(entry.name))
  .map(({ name }) => name.replaceAll('.', '\\.'));
const ownPath = new RegExp(`(?<![\\w.-])(?:${sourceFolders.join('|')})/[\\w./-]*\\w`, 'g');

describe.each(workflows)('%s', (path) => {
  const { permissions, jobs } = readWorkflow(path);

  it('may write nothing unless a job says what', () => expect(permissions).toEqual({ contents: 'read' }));

  it('bounds every job', () => {
    const unbounded = Object.entries(jobs).filter(
      ([, job]) => job.uses === undefined && job['timeout-minutes'] === undefined,
    );
    expect(unbounded.map(([name]) => name)).toEqual([]);
  });

  // A tag can be moved to other code, as has been done with those of popular actions.
  it('pins every action to a commit, and says which version that is', () => {
    expect(usesOf(path)).toHaveLength(
      [...Object.values(jobs), ...stepsOf(path)].filter(({ uses }) => uses !== undefined).length,
    );
    const actions = usesOf(path).filter((uses) => !uses.startsWith('./'));
    expect(actions.filter((uses) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(uses))).toEqual([]);
  });

  it('names only paths, scripts and tests that are there', () => {
    const paths = [...read(path).matchAll(ownPath)].map(([named]) => named);
    expect(paths.filter((named) => !existsSync(join(repositoryRoot, named)))).toEqual([]);

    const runs = runsOf(path).join('\n');
    const named = [...runs.matchAll(/\bnpm (?:run (\S+)|(test|start)\b)/g)].map(
      ([, run, short]) => run ?? short,
    );
    expect(named.filter((script = '') => !(script in scripts))).toEqual([]);

    const tests = sourceFiles(repositoryRoot).filter((file) => file.endsWith('.test.ts'));
    const patterns = [...runs.matchAll(/\bnpm test -- '?([^\s']+)/g)].map(([, pattern = '']) => pattern);
    expect(patterns.filter((pattern) => !tests.some((file) => new RegExp(pattern).test(file)))).toEqual([]);
  });

  // GitHub puts values into a script before a shell reads it: one that a stranger chose would be run.
  it('puts nothing into a script but values of its own matrix', () => {
    const expressions = runsOf(path).flatMap((run) => run.match(/\$\{\{.*?\}\}/g) ?? []);
    expect(expressions.filter((expression) => !/^\$\{\{ matrix\.\w+ \}\}$/.test(expression))).toEqual([]);
  });
});

it('lets few jobs write, and each only what it is for', () => {
  const granted = workflows.flatMap((path) =>
    Object.entries(readWorkflow(path).jobs)
      .filter(([, job]) => job.permissions !== undefined)
      .map(([name, job]) => [`${path.split('/').at(-1)} ${name}`, job.permissions]),
  );
  const images = { contents: 'read', packages: 'write', 'id-token': 'write' };
  expect(Object.fromEntries(granted)).toEqual({
    'images.yml push': images,
    'release.yml images': images,
    'release.yml publish': { 'id-token': 'write' },
    'release.yml announce': { contents: 'write' },
  });
});

it('takes each action at one commit everywhere', () => {
  const actions = new Set(workflows.flatMap(usesOf));
  const names = [...actions].map((uses) => uses.split('@')[0]);
  expect(names).toEqual([...new Set(names)]);
});

it('asks each night for known vulnerabilities in what is shipped', () => {
  expect(runsOf('.github/workflows/nightly.yml')).toContainEqual(
    expect.stringMatching(/^npm audit --omit=dev/),
  );
});

it('lets Dependabot look after packages, actions and images', () => {
  const schema = z.object({ updates: z.array(z.looseObject({ 'package-ecosystem': z.string() })) });
  const { updates } = schema.parse(z.unknown().parse(parse(read('.github/dependabot.yml'))));
  const ecosystems = updates.map((update) => update['package-ecosystem']);
  expect(ecosystems).toEqual(['npm', 'github-actions', 'docker']);
});

it('tests the oldest Node that package.json allows, and the newest that there is', () => {
  const matrixSchema = z.object({ strategy: z.object({ matrix: z.object({ node: z.array(z.string()) }) }) });
  const { node } = matrixSchema.parse(readWorkflow('.github/workflows/ci.yml').jobs['gate']).strategy.matrix;
  expect(`>=${node[0]}`).toBe(engines.node);
  expect(node.at(-1)).toBe('latest');
});

it.each(['server', 'agent', 'chaos'])('has the Node of .nvmrc in the image of the %s', (side) => {
  const major = read('.nvmrc').trim();
  const bases = [...read(`${side}/Dockerfile`).matchAll(/^FROM node:(\d+)/gm)].map(([, base]) => base);
  expect(new Set(bases)).toEqual(new Set([major]));
});

it.each(['server', 'agent'])('labels the image of the %s with all that the workflow knows', (side) => {
  const passed = stepsOf('.github/workflows/images.yml')
    .flatMap((step) =>
      z
        .string()
        .array()
        .parse([step.with['build-args'] ?? '']),
    )
    .flatMap((lines) => [...lines.matchAll(/^(\w+)=/gm)].map(([, name]) => name));
  expect(passed).toEqual(['VERSION', 'REVISION', 'SOURCE', 'CREATED']);
  const dockerfile = read(`${side}/Dockerfile`);
  const [, labels = ''] = /^LABEL (.*)/ms.exec(dockerfile) ?? [];
  for (const name of passed) {
    expect(dockerfile).toMatch(new RegExp(`^ARG ${name}=`, 'm'));
    expect(labels).toMatch(new RegExp(`org\\.opencontainers\\.image\\.\\w+="\\$\\{${name}\\}"`));
  }
});

const questionSchema = z.strictObject({
  type: z.enum(['input', 'textarea']),
  id: z.string(),
  attributes: z.strictObject({
    label: z.string(),
    description: z.string().optional(),
    render: z.string().optional(),
  }),
  validations: z.strictObject({ required: z.boolean() }).optional(),
});
const formSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  labels: z.array(z.string()),
  body: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('markdown'), attributes: z.strictObject({ value: z.string() }) }),
      questionSchema,
    ]),
  ),
});
const forms = filesIn('.github/ISSUE_TEMPLATE').filter((path) => !path.endsWith('/config.yml'));

// GitHub leaves out a form that it cannot read, without a word to those who wrote it.
it.each(forms)('%s is a form that GitHub shows', (path) => {
  const { body } = formSchema.parse(parse(read(path)));
  const ids = body.flatMap((element) => (element.type === 'markdown' ? [] : element.id));
  expect(ids).toEqual([...new Set(ids)]);
  expect(ids.length).toBeGreaterThan(0);
});
