import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { runNode } from './child.mjs';

/**
 * The parts to build for each use. `app`, which runs Fencepost, takes half of the time that `all` takes, and
 * must not fail for a type error in a test.
 */
const scopes = {
  // With the library: a module that AGENT_COMMANDS names imports `defineCommand` from 'fencepost'.
  app: {
    projects: ['shared', 'server', 'agent', 'examples', 'library', 'cli'],
    folders: ['shared', 'server', 'agent', 'examples', 'library', 'cli'],
    tests: false,
  },
  // An image holds one side, and nothing of the stack around it.
  server: { projects: ['server'], folders: ['shared', 'server'], tests: false },
  // With the library, as above, which also has the server.
  agent: { projects: ['library'], folders: ['shared', 'server', 'agent', 'library'], tests: false },
  chaos: { projects: ['chaos'], folders: ['shared', 'testing', 'chaos'], tests: false },
  all: {
    projects: ['.'],
    folders: ['shared', 'server', 'agent', 'examples', 'library', 'cli', 'bench', 'chaos', 'testing', 'test'],
    tests: true,
  },
};

/**
 * Files that programs read from beside their code, which tsc does not copy. Sources are .ts and .mjs, so a .js is for a
 * browser.
 */
const assetExtensions = ['.lua', '.html', '.css', '.svg', '.js'];

/** The output of benchmarks is no source: it must not make the next start build again. */
const notSources = ['bench/results'];

/**
 * Files of swagger-ui-dist that are served, and where they go. Only these: the package has twelve megabytes of
 * other builds and maps, and depends on one that reports each installation to its makers (package.json turns
 * that off here, which would not reach those who install Fencepost).
 */
const packageFiles = {
  'swagger-ui-bundle.js': 'server/openapi/swagger-ui-bundle.js',
  'swagger-ui.css': 'server/openapi/swagger-ui.css',
  // The licences must be passed on with the files.
  'swagger-ui-bundle.js.LICENSE.txt': 'server/openapi/swagger-ui-bundle.js.LICENSE.txt',
  LICENSE: 'server/openapi/swagger-ui.LICENSE.txt',
  NOTICE: 'server/openapi/swagger-ui.NOTICE.txt',
};

const stampPath = (root, scope) => join(root, 'dist', `.built-${scope}`);

/**
 * Whether dist/ was built from the sources as they are now.
 *
 * @param scope `app`: what runs; `server`, `agent`: one side of it; `all`: tests and benchmarks as well
 */
export function buildIsFresh(root, scope) {
  return readStamp(root, scope) === digest(root, scope);
}

/** Compiles, and copies the assets. Throws when the compiler finds errors; they are printed. */
export async function build(root, scope) {
  // Before the build: what is edited meanwhile makes the next start build again.
  const stamps = (scope === 'all' ? ['app', 'all'] : [scope]).map((name) => [name, digest(root, name)]);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  // The compiler runs four checkers by default, and each repeats the work on files that several projects share.
  const code = await runNode([tsc, '-b', '--checkers', '1', ...scopes[scope].projects], { cwd: root });
  if (code !== 0) throw new Error('The build failed; the errors are above');
  copyAssets(root, scope);
  for (const [name, stamp] of stamps) writeFileSync(stampPath(root, name), stamp);
}

function copyAssets(root, scope) {
  const isAsset = (path) => assetExtensions.includes(extname(path));
  const assets = sourceFiles(root, scope).filter(isAsset);
  for (const path of assets) {
    const copy = join(root, 'dist', path);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(join(root, path), copy);
  }
  if (scopes[scope].folders.includes('server')) {
    for (const [file, place] of Object.entries(packageFiles)) {
      mkdirSync(dirname(join(root, 'dist', place)), { recursive: true });
      copyFileSync(join(root, 'node_modules/swagger-ui-dist', file), join(root, 'dist', place));
    }
  }
  dropOrphans(root, scope);
}

/**
 * Deletes what an earlier build made of sources that are gone: under its old name a renamed module could
 * still be imported, a script be read, and a test be run. `tsc -b` leaves all of it.
 */
export function dropOrphans(root, scope) {
  const { folders } = scopes[scope];
  const fromPackages = Object.values(packageFiles);
  for (const path of folders.flatMap((folder) => filesIn(join(root, 'dist'), folder))) {
    if (path.endsWith('.tsbuildinfo') || fromPackages.includes(path)) continue;
    const module = path.replace(/(\.d)?\.[cm]?[jt]s(\.map)?$/, '');
    const sources = [path, ...['.ts', '.tsx', '.mts', '.cts', '.mjs', '.cjs'].map((end) => module + end)];
    if (!sources.some((source) => existsSync(join(root, source)))) rmSync(join(root, 'dist', path));
  }
}

/** Hashes paths, sizes and times of change: reading every source would take longer than the whole check may. */
function digest(root, scope) {
  const hash = createHash('sha256');
  for (const path of [...sourceFiles(root, scope), ...rootFiles(root)]) {
    const { mtimeMs, size } = statSync(join(root, path));
    hash.update(`${path}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest('hex');
}

function sourceFiles(root, scope) {
  const { folders, tests } = scopes[scope];
  return folders
    .flatMap((folder) => filesIn(root, folder))
    .filter((path) => tests || !path.endsWith('.test.ts'));
}

function rootFiles(root) {
  return readdirSync(root)
    .filter((name) => /^(tsconfig.*\.json|package-lock\.json|jest\.config\.ts)$/.test(name))
    .sort();
}

/** Paths relative to `root`, in a stable order. */
function filesIn(root, folder) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (notSources.includes(path)) return [];
      return entry.isDirectory() ? filesIn(root, path) : [path];
    });
}

function readStamp(root, scope) {
  try {
    return readFileSync(stampPath(root, scope), 'utf8');
  } catch {
    return undefined;
  }
}
