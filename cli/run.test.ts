import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { projectRoot } from './project-root.js';

/** Stands in for npm's npm-cli.js: notes the call, and installs the compiler and the package whose files are served. */
const fakeNpm = `
const fs = require('node:fs');
fs.appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('npm-fails')) process.exit(1);
fs.rmSync('node_modules', { recursive: true, force: true });
fs.mkdirSync('node_modules/typescript/bin', { recursive: true });
fs.copyFileSync('fake-tsc.js', 'node_modules/typescript/bin/tsc');
fs.writeFileSync('node_modules/typescript/package.json', '{}');
fs.mkdirSync('node_modules/swagger-ui-dist');
for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'])
  fs.writeFileSync('node_modules/swagger-ui-dist/' + name, name);
const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
delete packages[''];
delete packages['node_modules/optional'];
fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
`;

/** Stands in for tsc: "compiles" the one program there is, slowly enough to be overlapped. */
const fakeTsc = `
const fs = require('node:fs');
fs.appendFileSync('calls', 'tsc ' + process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('tsc-fails')) { console.log('a.ts(1,1): error'); process.exit(2); }
fs.appendFileSync('calls', 'tsc begins\\n');
setTimeout(() => {
  fs.mkdirSync('dist/server', { recursive: true });
  fs.copyFileSync('server/main.ts', 'dist/server/main.js');
  fs.appendFileSync('calls', 'tsc ends\\n');
}, 100);
`;

const program = `console.log(JSON.stringify({ argv: process.argv.slice(2), main: process.argv[1] }));`;

describe('node cli/run.mjs', () => {
  let root: string;
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const lock = (version: string) => ({
    packages: {
      '': {},
      'node_modules/typescript': { version, integrity: 'x', dev: true },
      'node_modules/optional': { version: '1.0.0', integrity: 'y', optional: true },
    },
  });

  function makeRoot() {
    root = mkdtempSync(join(tmpdir(), 'fencepost run-'));
    cpSync(join(projectRoot, 'cli/run.mjs'), join(root, 'cli/run.mjs'));
    cpSync(join(projectRoot, 'cli/bootstrap'), join(root, 'cli/bootstrap'), { recursive: true });
    write('npm-cli.js', fakeNpm);
    write('fake-tsc.js', fakeTsc);
    write('package-lock.json', JSON.stringify(lock('1.0.0')));
    write('server/main.ts', program);
    write('shared/lifecycle/start.lua', 'return 1');
  }
  const removeRoot = () => rmSync(root, { recursive: true });

  const calls = () =>
    existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [];
  const forget = () => rmSync(join(root, 'calls'), { force: true });

  function spawnRun(
    args: readonly string[],
    nodeArgs: readonly string[] = [],
    env: Record<string, string> = {},
  ) {
    return spawn(process.execPath, [...nodeArgs, 'cli/run.mjs', ...args], {
      cwd: root,
      env: { ...process.env, npm_execpath: join(root, 'npm-cli.js'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
  async function run(
    args: readonly string[],
    nodeArgs: readonly string[] = [],
    env: Record<string, string> = {},
  ) {
    const child = spawnRun(args, nodeArgs, env);
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { stdout, stderr, code };
  }

  describe('in a clone of its own,', () => {
    beforeEach(makeRoot);
    afterEach(removeRoot);

    test('installs, builds and becomes the program, with its arguments', async () => {
      const { stdout, stderr, code } = await run(['server', '--port=1', 'x'], [], { NODE_ENV: 'production' });
      expect(code).toBe(0);
      expect(stderr).toBe('Installing packages (npm ci)\nBuilding (tsc -b)\n');
      expect(JSON.parse(stdout)).toEqual({
        argv: ['--port=1', 'x'],
        main: join(root, 'dist/server/main.js'),
      });
      expect(calls()).toEqual([
        'npm ci --include=dev --no-audit --no-fund --loglevel=error',
        'tsc -b --checkers 1 shared server agent examples library cli',
        'tsc begins',
        'tsc ends',
      ]);
      expect(readFileSync(join(root, 'dist/shared/lifecycle/start.lua'), 'utf8')).toBe('return 1');
      expect(readFileSync(join(root, 'dist/server/openapi/swagger-ui.css'), 'utf8')).toBe('swagger-ui.css');
    });

    test('does nothing of it a second time', async () => {
      await run(['build']);
      forget();
      const { stderr, code } = await run(['server']);
      expect({ stderr, code, calls: calls() }).toEqual({ stderr: '', code: 0, calls: [] });
    });

    test('a changed test makes no program stale, but a build', async () => {
      await run(['build']);
      forget();
      write('server/main.test.ts', '');
      await run(['server']);
      expect(calls()).toEqual([]);
      await run(['build']);
      expect(calls()).toContain('tsc -b --checkers 1 .');
    });

    test('says in one line what failed, and builds again next time', async () => {
      write('tsc-fails', '');
      const failed = await run(['server']);
      expect(failed.code).toBe(1);
      expect(failed.stdout).toContain('error');
      expect(failed.stderr).toContain('The build failed; the errors are above\n');
      expect((await run(['test'])).stdout.trim().split('\n').at(-1)).toBe('0 passed, 1 failed, 0 skipped');
      rmSync(join(root, 'tsc-fails'));
      expect((await run(['server'])).code).toBe(0);
      write('npm-fails', '');
      write('package-lock.json', JSON.stringify(lock('2.0.0')));
      const uninstalled = await run(['server']);
      expect(uninstalled.code).toBe(1);
      expect(uninstalled.stderr).toContain('npm ci --include=dev failed (exit code 1)');
    });

    test('two at once install and build once', async () => {
      const results = await Promise.all([run(['server']), run(['server']), run(['server'])]);
      expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(calls().filter((call) => call.startsWith('npm'))).toHaveLength(1);
      expect(calls().filter((call) => call === 'tsc begins')).toHaveLength(1);
      expect(existsSync(join(root, 'dist/.lock'))).toBe(false);
    });

    test('a lock whose owner was killed stops no other process', async () => {
      write('dist/.lock/pid', String(2 ** 22 + 1));
      expect((await run(['server'])).code).toBe(0);
    });

    test('a signal reaches the program', async () => {
      write(
        'server/main.ts',
        `process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up');`,
      );
      await run(['build']);
      const child = spawnRun(['server']);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill('SIGTERM');
      expect(await ended).toBe(7);
    });

    test('an old Node is refused before anything else', async () => {
      write('old.cjs', `Object.defineProperty(process, 'versions', { value: { node: '18.20.1' } });`);
      const { stderr, code } = await run(['server'], ['--require', './old.cjs']);
      expect({ stderr, code }).toEqual({
        stderr: 'Fencepost needs Node 20.19 or newer; this is 18.20.1\n',
        code: 1,
      });
      expect(calls()).toEqual([]);
    });

    test('an unknown target is refused with those that exist', async () => {
      const { stderr, code } = await run(['sever']);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^usage: node cli\/run\.mjs stack\|server\|agent\|/);
    });
  });

  describe('once everything is installed and built,', () => {
    beforeAll(async () => {
      makeRoot();
      await run(['server']);
    });
    beforeEach(forget);
    afterAll(removeRoot);

    test.each([
      ['another version is asked for', () => write('package-lock.json', JSON.stringify(lock('1.0.1')))],
      ['a package is missing', () => rmSync(join(root, 'node_modules/typescript/package.json'))],
      ['node_modules is gone', () => rmSync(join(root, 'node_modules'), { recursive: true })],
      ['an installation was cut off', () => write('dist/.installing', '')],
    ])('installs again when %s, and that once', async (_, harm) => {
      harm();
      expect((await run(['server'])).code).toBe(0);
      expect(calls()[0]).toMatch(/^npm ci/);
      forget();
      await run(['server']);
      expect(calls()).toEqual([]);
    });

    test.each([
      ['a source changed', () => write('server/main.ts', `${program}\n`)],
      ['a source was touched', () => utimesSync(join(root, 'server/main.ts'), 1, 1)],
      ['a source is new', () => write('agent/new.ts', '')],
      ['a script changed', () => write('shared/lifecycle/start.lua', 'return 22')],
      ['dist is gone', () => rmSync(join(root, 'dist'), { recursive: true })],
      ['a script is gone', () => rmSync(join(root, 'shared/lifecycle/start.lua'))],
    ])('builds again when %s', async (_, change) => {
      change();
      expect((await run(['server'])).code).toBe(0);
      expect(calls()).toContain('tsc ends');
      const [source, copy] = ['shared/lifecycle/start.lua', 'dist/shared/lifecycle/start.lua'].map((path) =>
        join(root, path),
      );
      expect(existsSync(copy ?? '')).toBe(existsSync(source ?? ''));
    });
  });
});
