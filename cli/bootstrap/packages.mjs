import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runNode, runToEnd } from './child.mjs';

/** There while packages are being installed: found at a start, that installation was cut off. */
const marker = (root) => join(root, 'dist', '.installing');

/**
 * Whether node_modules is what package-lock.json asks for. npm notes what it installed in a lock file
 * of its own; each package's folder is looked at too, since an `rm` that was cut off leaves that note.
 */
export function packagesAreFresh(root) {
  if (existsSync(marker(root))) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted) throw new Error('package-lock.json is missing or damaged');
  if (!installed) return false;
  return Object.entries(wanted).every(([path, { version, integrity, ...entry }]) => {
    // Optional ones depend on the platform, and '' is this project itself.
    if (path === '' || entry.optional || entry.devOptional || entry.link) return true;
    const found = installed[path];
    const same = found !== undefined && found.version === version && found.integrity === integrity;
    return same && existsSync(join(root, path, 'package.json'));
  });
}

/** `npm ci`, with what the build needs even where NODE_ENV=production would leave it out. */
export async function installPackages(root) {
  mkdirSync(dirname(marker(root)), { recursive: true });
  writeFileSync(marker(root), '');
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // npm names itself to the scripts that it runs; another package manager would name itself too.
  const npm = process.env.npm_execpath ?? '';
  const code = /npm-cli\.c?js$/.test(npm)
    ? await runNode([npm, ...args], { cwd: root })
    : await runToEnd('npm', args, { cwd: root });
  if (code !== 0)
    throw new Error(`npm ${args.slice(0, 2).join(' ')} failed (exit code ${code}); its output is above`);
  rmSync(marker(root));
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
