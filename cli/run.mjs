// Every npm script starts here: `node cli/run.mjs <target> [arguments]`. Installs what is missing,
// builds what is stale, and goes on as the target in this same process, so that signals reach it.
// It runs before anything is installed: only Node's own modules may be imported.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, buildIsFresh } from './bootstrap/build.mjs';
import { withLock } from './bootstrap/lock.mjs';
import { installPackages, packagesAreFresh } from './bootstrap/packages.mjs';

/** The program of each target, and what must be built for it. */
const targets = {
  stack: { program: 'dist/cli/stack-main.js', scope: 'app' },
  server: { program: 'dist/server/main.js', scope: 'app' },
  agent: { program: 'dist/agent/main.js', scope: 'app' },
  cli: { program: 'dist/cli/fencepost-main.js', scope: 'app' },
  generate: { program: 'dist/cli/generate-main.js', scope: 'app' },
  bench: { program: 'dist/bench/main.js', scope: 'all' },
  chaos: { program: 'dist/chaos/main.js', scope: 'all' },
  test: { program: 'dist/cli/gate-main.js', scope: 'all' },
  build: { program: undefined, scope: 'all' },
  // The contents of the npm package.
  'build-app': { program: undefined, scope: 'app' },
  'build-server': { program: undefined, scope: 'server' },
  'build-agent': { program: undefined, scope: 'agent' },
  'build-chaos': { program: undefined, scope: 'chaos' },
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Standard error: standard output belongs to the target.
const say = (line) => process.stderr.write(`${line}\n`);
// A line that cannot be written there, since it is closed or its disk is full, must not end the target.
process.stderr.on('error', () => undefined);

function fail(line) {
  say(line);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Fencepost needs Node 20.19 or newer; this is ${process.versions.node}`);
  }
}

async function prepare(scope) {
  if (packagesAreFresh(root) && buildIsFresh(root, scope)) return;
  await withLock(join(root, 'dist', '.lock'), say, async () => {
    // Both are checked again: the previous holder of the lock has probably done the work.
    if (!packagesAreFresh(root)) {
      say('Installing packages (npm ci)');
      await installPackages(root);
    }
    if (!buildIsFresh(root, scope)) {
      say('Building (tsc -b)');
      await build(root, scope);
    }
  });
}

async function main() {
  checkNode();
  const [target = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(targets, target))
    fail(`usage: node cli/run.mjs ${Object.keys(targets).join('|')} [arguments]`);
  const { program, scope } = targets[target];
  try {
    await prepare(scope);
  } catch (error) {
    say(error.message);
    // Programs that read the last line of `npm test` must find the count there in any case.
    if (target === 'test') console.log('0 passed, 1 failed, 0 skipped');
    process.exit(1);
  }
  if (program === undefined) return;
  const path = join(root, program);
  if (!existsSync(path))
    fail(`${program} is missing although dist/ is up to date: delete dist/ and try again`);
  process.argv = [process.argv[0], path, ...args];
  await import(pathToFileURL(path).href);
}

await main();
