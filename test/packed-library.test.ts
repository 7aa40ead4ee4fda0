import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile, copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { version } from '../shared/runtime/version.js';
import { Client } from '../shared/client/client.js';
import { Deployment } from '../testing/deployment.js';
import { byExtent, isLong } from '../testing/extent.js';
import { type Exit, freePort, startProcess } from '../testing/processes.js';
import { repositoryRoot, TestRedis } from '../testing/redis-server.js';
import { startAgentHere } from './agent-here.js';
import { startServerHere } from './server-here.js';

const run = promisify(execFile);
const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()) });

let redis: TestRedis;
let directory: string;
let tarball: string;
/** The package as it would be installed. */
let unpacked: string;
beforeAll(async () => {
  redis = await TestRedis.start();
  directory = await mkdtemp(join(tmpdir(), 'fencepost-packed-'));
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  const { stdout } = await run('npm', pack, { cwd: repositoryRoot });
  tarball = join(directory, stdout.trim());
  await run('tar', ['xzf', tarball], { cwd: directory });
  unpacked = join(directory, 'package');
});
afterAll(async () => {
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
});

test('the package holds what runs, and neither tests nor tools of this repository', async () => {
  const files = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const paths = files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name).slice(unpacked.length + 1));
  expect(paths).toEqual(expect.arrayContaining(needed));
  expect(paths.filter((path) => /test|chaos|bench|\.map$|buildinfo/.test(path))).toEqual([]);
  const sources = (await readdir(join(repositoryRoot, 'shared/lifecycle'))).filter((file) =>
    file.endsWith('.lua'),
  );
  const scripts = paths.filter((path) => path.endsWith('.lua'));
  expect(scripts.map((path) => path.replace('dist/shared/lifecycle/', '')).sort()).toEqual(sources.sort());
});

test('the package may be published: to the public, and with provenance, which npm gives to a workflow alone', async () => {
  const json: unknown = JSON.parse(await readFile(join(unpacked, 'package.json'), 'utf8'));
  expect(json).toMatchObject({ publishConfig: { access: 'public', provenance: true } });
  expect(json).not.toHaveProperty('private');
});

const needed = [
  'package.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'redis.conf',
  'dist/library/index.js',
  'dist/library/index.d.ts',
  'dist/library/client.js',
  'dist/library/client.d.ts',
  'dist/agent/lease-renewer-worker.js',
  'dist/shared/protocol/builtin-types.json',
];

describe('every entry point is there, with types of what is loaded;', () => {
  const [types, code] = ['./dist/index.d.ts', './dist/index.js'];
  const broken = [
    ['code that is not in the package', { types, default: './dist/gone.js' }, 'publint FILE_DOES_NOT_EXIST'],
    [
      'types that are not in the package',
      { types: './dist/gone.d.ts', default: code },
      'attw FallbackCondition',
    ],
    ['types behind the code', { default: code, types }, 'publint EXPORTS_TYPES_SHOULD_BE_FIRST'],
    ['types of CommonJS for an ES module', { types, default: './dist/index.mjs' }, 'attw FalseCJS'],
  ] as const;
  const checkedSchema = z.object({ faults: z.array(z.string()) });
  let exitCode: number | null;
  let faults: readonly (readonly string[])[];

  // All in one run: the checkers take longer to load than to check.
  beforeAll(async () => {
    const tarballs = await Promise.all(broken.map(([, entry], i) => packBroken(`broken-${i}`, entry)));
    const check = startProcess([join(repositoryRoot, 'tools/check-package.mjs'), tarball, ...tarballs]);
    exitCode = (await check.exited).code;
    faults = check.lines.map((line) => checkedSchema.parse(JSON.parse(line)).faults);
  });

  test('the check finds nothing wrong with this package', () => expect(faults[0]).toEqual([]));

  test.each(broken.map(([what, , fault], i) => [what, fault, i] as const))(
    'it finds %s: %s',
    (_what, fault, i) => {
      expect(faults[i + 1]).toContainEqual(expect.stringMatching(`^${fault}: `));
      expect(exitCode).toBe(1);
    },
  );

  /** A package of one entry point, which only this entry of its `exports` makes wrong. */
  async function packBroken(name: string, entry: Readonly<Record<string, string>>): Promise<string> {
    const dist = join(directory, name, 'package/dist');
    await mkdir(dist, { recursive: true });
    await writeFile(join(dist, 'index.js'), 'exports.a = 1;\n');
    await writeFile(join(dist, 'index.mjs'), 'export const a = 1;\n');
    await writeFile(join(dist, 'index.d.ts'), 'export declare const a: number;\n');
    const about = { name, version: '1.0.0', license: 'MIT', engines: { node: '>=20' }, main: code };
    await writeFile(join(dist, '../package.json'), JSON.stringify({ ...about, exports: { '.': entry } }));
    const packed = join(directory, `${name}.tgz`);
    await run('tar', ['czf', packed, '-C', join(directory, name), 'package']);
    return packed;
  }
});

const ends: [mayKill: string, exit: Exit][] = [
  ['false', { code: 0, signal: null }],
  ['true', { code: null, signal: 'SIGKILL' }],
];

/** Each shows a module with a command type, by the name of the file that gets it. */
const pagesOfTypes = { 'README.md': 'greet.mjs', 'docs/tutorials/first-command-type.md': 'count.mjs' };

const wrongDelay = 'payload.ms must be a whole number from 0 to 86400000';

describe.each([
  ['CommonJS', 'commonjs', 'node16', true],
  ['an ES module', 'module', 'nodenext', isLong],
])('in an empty TypeScript project, as %s,', (_what, type, module, libraries) => {
  let project: string;
  let checked: unknown;
  beforeAll(async () => {
    project = await emptyProject(type, module);
    const tsc = join(repositoryRoot, 'node_modules/typescript/bin/tsc');
    // One checker: several would each check the same libraries.
    const args = [tsc, '-p', project, '--checkers', '1', '--skipLibCheck', String(!libraries)];
    checked = await run(process.execPath, args).catch((error: unknown) => error);
  });

  test(`its types are right${libraries ? ', with nothing left out of the check' : ''}`, () => {
    expect(checked).toMatchObject({ stdout: '', stderr: '' });
  });

  // The short form leaves this to the ES module: what follows has an agent of the CommonJS one within.
  if (isLong || type === 'module') {
    test('a command of its own is submitted, executed by the agent within, and waited for', async () => {
      const { lines, code } = await runProgram('tour');
      expect({ lines, code }).toEqual({
        lines: [`COMPLETED { text: 'Hello, Ada! This is attempt 1.' }`],
        code: 0,
      });
    });
  }

  // An agent, a client and a command line behave in their host in the same way however the host loads them.
  if (isLong || type === 'commonjs') {
    test('a guest leaves its host alone', async () => {
      expect(await runProgram('guest')).toEqual({ lines: ['at home'], code: 0 });
    });

    test.each(byExtent(ends, ends.slice(0, 1)))(
      'what blocks its host and must stop ends the host only if it may (%s)',
      expectEnd,
    );

    test.each([
      [
        'docs/reference/typescript-client.md',
        'client-tour',
        ['true false true', 'COMPLETED', '4', `400 invalid_request ${wrongDelay}`],
      ],
      [
        'docs/tutorials/first-minutes.md',
        'first-minute',
        ['COMPLETED 1', 'true false', `invalid_request ${wrongDelay}`, '0 live'],
      ],
    ])('the client does what %s shows', async (_page, program, lines) => {
      const deployment = await Deployment.start({ servers: 0 });
      await startServerHere(deployment, { LEASE_MS: '600000' });
      await startAgentHere(deployment);
      const ran = await runProgram(program, { SERVER_URL: deployment.url });
      await deployment.stop();
      expect(ran).toEqual({ lines, code: 0 });
    });

    test('its command line runs', async () => {
      const bin = join(project, 'node_modules/fencepost/cli/fencepost.mjs');
      const ask = async (...args: readonly [string, ...string[]]) => {
        const line = startProcess([bin, ...args], { cwd: project });
        return { code: (await line.exited).code, lines: line.lines };
      };
      expect(await ask('--version')).toEqual({ code: 0, lines: [version] });
      expect(await ask('chaos')).toEqual({
        code: 2,
        lines: ['chaos: is only in a clone of the repository, not in the package'],
      });
    });
  }

  async function expectEnd(mayKill: string, exit: Exit): Promise<void> {
    const deployment = await Deployment.start({ servers: 0 });
    await startServerHere(deployment);
    const { client, dataDir } = deployment;
    const env = { REDIS_URL: deployment.redis.url, DATA_DIR: dataDir, MAY_KILL: mayKill };
    const host = startProcess([join(project, 'out', 'busy.js')], { cwd: project, env });
    await host.waitForLine(/at work/);
    const { commandId } = await client.submit({ type: 'BLOCK', payload: { ms: 3000 } });
    await host.waitForLine(/blocking/);
    await client.cancel(commandId);
    if (mayKill === 'false') {
      await host.waitForLine(/the main thread is blocked/);
      expect(await client.wait(commandId)).toMatchObject({ result: { ended: true } });
      host.kill('SIGTERM');
    }
    expect(await host.exited).toEqual(exit);
    await deployment.stop();
  }

  async function runProgram(name: string, more: Readonly<Record<string, string>> = {}) {
    await redis.client().flushall();
    const env = { REDIS_URL: redis.url, DATA_DIR: await mkdtemp(join(directory, 'data-')), ...more };
    const program = startProcess([join(project, 'out', `${name}.js`)], { cwd: project, env });
    const { code } = await program.exited;
    return { lines: program.lines, code };
  }
});

test('its command line runs all of Fencepost without a clone, with the types of README and tutorial', async () => {
  const project = await emptyProject('module', 'nodenext');
  for (const [page, file] of Object.entries(pagesOfTypes)) {
    const text = await readFile(join(repositoryRoot, page), 'utf8');
    const [, shown = ''] = /^```js\n(\/\/ my-commands\.mjs\n.*?)^```$/ms.exec(text) ?? [];
    // README's takes as long as a reader needs to find the agent and to kill it.
    await writeFile(join(project, file), shown.replace('sleep(30_000,', 'sleep(30,'));
  }
  const bin = join(project, 'node_modules/fencepost/cli/fencepost.mjs');
  const port = await freePort();
  const modules = Object.values(pagesOfTypes).map((file) => `./${file}`);
  const flags = ['--commands', modules.join(','), '--agents=1', `--port=${port}`];
  const options = { cwd: project, env: { REDIS_PORT: String(await freePort()), LOG_PRETTY: 'false' } };
  const stack = startProcess([bin, 'start', ...flags], options);
  await stack.waitForLine(/Fencepost is up, with 1 agent/);
  await stack.waitForLine(/"side":"agent".*"ready/);

  const client = new Client({ url: `http://127.0.0.1:${port}` });
  const greet = await client.submit({ type: 'GREET', payload: { name: 'Ada' } });
  const count = await client.submit({ type: 'COUNT', payload: { to: 1 } });
  const text = 'Hello, Ada! This is attempt 1.';
  expect(await client.wait(greet.commandId)).toMatchObject({ status: 'COMPLETED', result: { text } });
  expect(await client.wait(count.commandId)).toMatchObject({ status: 'COMPLETED', result: { counted: 1 } });
  await client.close();
  stack.kill('SIGTERM');
  expect(await stack.exited).toEqual({ code: 0, signal: null });

  for (const program of byExtent(['server', 'agent'] as const, ['agent'] as const)) {
    const help = startProcess([bin, program, '--help'], { cwd: project });
    expect(await help.exited).toEqual({ code: 0, signal: null });
    expect(help.lines[0]).toMatch(`npx fencepost ${program}: flags`);
  }
});

test.each([
  ['docs/tutorials/embed-in-your-service.md', 'tour.ts'],
  ['docs/reference/typescript-client.md', 'client-tour.ts'],
  ['docs/tutorials/first-minutes.md', 'first-minute.ts'],
])('%s shows %s as it is', async (page, program) => {
  const code = await readFile(join(repositoryRoot, 'test/packed', program), 'utf8');
  expect(await readFile(join(repositoryRoot, page), 'utf8')).toContain(`\n\`\`\`ts\n${code}\`\`\`\n`);
});

test('the client alone loads neither Redis nor a server', async () => {
  const project = await emptyProject('commonjs', 'node16');
  const program = `require('fencepost/client'); console.log(JSON.stringify(Object.keys(require.cache)))`;
  const { stdout } = await run(process.execPath, ['-e', program], { cwd: project });
  const loaded = z.array(z.string()).parse(JSON.parse(stdout));
  expect(loaded.filter((path) => path.includes('/client/'))).not.toEqual([]);
  expect(
    loaded.filter((path) =>
      /node_modules.(ioredis|classic-level|express|pino)|dist.shared.(lifecycle|store)/.test(path),
    ),
  ).toEqual([]);
});

/** A project with the package installed, the dependencies that it names, and nothing else of this repository. */
async function emptyProject(type: string, module: string): Promise<string> {
  const project = await mkdtemp(join(directory, `${type}-`));
  const modules = join(project, 'node_modules');
  await mkdir(modules);
  await run('cp', ['-R', unpacked, join(modules, 'fencepost')]);
  const json: unknown = JSON.parse(await readFile(join(unpacked, 'package.json'), 'utf8'));
  // Node looks for what they need, in turn, where they really are: what the package itself needs it must name.
  const { dependencies } = packageSchema.parse(json);
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(repositoryRoot, 'node_modules', name), join(modules, name));
  }
  const programs = join(repositoryRoot, 'test/packed');
  for (const name of await readdir(programs)) await copyFile(join(programs, name), join(project, name));
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type }));
  const compilerOptions = {
    module,
    target: 'es2022',
    strict: true,
    outDir: 'out',
    types: ['node'],
    rootDir: '.',
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  return project;
}
