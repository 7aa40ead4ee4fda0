import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../testing/processes.js';
import { sourceFiles } from './comments.js';
import { importsOf, roomCycles, roomGraph, type Source } from './rooms.js';

const product = sourceFiles(repositoryRoot)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path): Source => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }));

const a: Source = { path: 'p/a/one.ts', text: "import { type Two } from '../b/two.js';\n" };
const b: Source = { path: 'p/b/two.ts', text: "import {\n  one,\n} from '../c/three.js';\n" };
const c: Source = { path: 'p/c/three.ts', text: "export { one } from '../a/one.js';\n" };

test('a circle of rooms is found, also one of types, and named by its imports', () => {
  expect(roomCycles(roomGraph([a, b]))).toEqual([]);
  expect(roomCycles(roomGraph([a, b, c]))).toEqual([
    ['p/a/one.ts imports p/b/two.ts', 'p/b/two.ts imports p/c/three.ts', 'p/c/three.ts imports p/a/one.ts'],
  ]);
});

test('no rooms import each other in a circle', () => {
  expect(product.length).toBeGreaterThan(400);
  expect(roomCycles(roomGraph(product))).toEqual([]);
});

// Features import the floor of HTTP, and it imports none of them.
test('server/http imports no feature of the server', () => {
  const imported = product
    .filter(({ path }) => path.startsWith('server/http/'))
    .flatMap((source) => importsOf(source).filter((path) => path.startsWith('server/')));
  expect(imported.length).toBeGreaterThan(10);
  expect(imported.filter((path) => !/^server\/(http|redis)\//.test(path))).toEqual([]);
});
