import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execFileSync } from 'node:child_process';
import { repositoryRoot } from '../testing/redis-server.js';

const root = mkdtempSync(join(tmpdir(), 'fencepost-orphans-'));
afterAll(() => rmSync(root, { recursive: true }));

test('a build leaves nothing behind of sources that are gone', () => {
  const kept = [
    'shared/a.js',
    'shared/a.d.ts',
    'shared/a.js.map',
    'shared/a.test.js',
    'shared/b.mjs',
    'shared/c.lua',
  ];
  const sources = ['shared/a.ts', 'shared/a.test.ts', 'shared/b.mjs', 'shared/c.lua'];
  const gone = [
    'shared/old.js',
    'shared/old.d.ts',
    'shared/old.test.js',
    'shared/old.lua',
    'shared/x/old.js.map',
  ];
  const others = ['shared/tsconfig.tsbuildinfo', 'server/openapi/swagger-ui.css', 'elsewhere/old.js'];
  const built = [...kept, ...gone, ...others].map((path) => `dist/${path}`);
  for (const path of [...sources, ...built]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  const module = pathToFileURL(join(repositoryRoot, 'cli/bootstrap/build.mjs')).href;
  const script = `import { dropOrphans } from '${module}'; dropOrphans(process.argv[1], 'app')`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script, root]);
  const left = built.filter((path) => existsSync(join(root, path)));
  expect(left).toEqual([...kept, ...others].map((path) => `dist/${path}`));
});
