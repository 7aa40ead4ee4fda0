import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadPatience, loadCommandModule } from './command-modules.js';

// CommonJS here, since Jest has no import(); ES modules in test/custom-types.test.ts.

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'fencepost-modules-'))));
afterEach(() => rm(folder, { recursive: true }));

const head = `
  const { z } = require(${JSON.stringify(require.resolve('zod'))});
  const zod3 = ${JSON.stringify(require.resolve('zod/v3'))};
  const mini = ${JSON.stringify(require.resolve('zod/mini'))};
  const of = (type) => ({ type, payload: z.object({}), result: z.null(), execute: async () => null });
`;

async function load(source: string) {
  const file = join(folder, 'module.js');
  await writeFile(file, head + source);
  return loadCommandModule(file);
}
const namesIn = async (source: string) => (await load(source)).map(({ type }) => type).sort();

test.each([
  ['one', 'module.exports = of("A")', ['A']],
  ['an array', 'module.exports = [of("A"), of("B")]', ['A', 'B']],
  ['several by name', 'exports.a = of("A"); exports.b = of("B")', ['A', 'B']],
  ['a default, as compiled TypeScript', 'exports.__esModule = true; exports.default = of("A")', ['A']],
  ['a default array', 'exports.__esModule = true; exports.default = [of("A"), of("B")]', ['A', 'B']],
  ['a default and others by name', 'exports.default = of("A"); exports.b = of("B")', ['A', 'B']],
  ['the same twice', 'exports.default = exports.a = of("A")', ['A']],
  [
    'other things beside it',
    'exports.a = of("A"); exports.schema = z.object({}); exports.sizes = [1, 2]; exports.n = 1; exports.f = () => 1',
    ['A'],
  ],
  [
    'one that is an object of a class',
    'class A { constructor() { Object.assign(this, of("A")); } }; module.exports = new A()',
    ['A'],
  ],
])('finds the command types of a module that exports %s', async (_, source, names) => {
  expect(await namesIn(source)).toEqual(names);
});

test('a time that is left out is 30 s', async () => {
  expect(await load('module.exports = of("A")')).toMatchObject([{ timeoutMs: 30_000 }]);
});

test('execute is called as the method that it is', async () => {
  const [type] = await load('module.exports = { ...of("A"), execute() { return this.type; } }');
  // @ts-expect-error -- what it is given does not matter here
  expect(type?.execute()).toBe('A');
});

const isNone = 'is no command type';
test.each([
  ['exports nothing', '', 'exports no command type: make one with defineCommand, and export it'],
  ['exports something else', 'module.exports = () => 1', 'exports no command type'],
  ['has an empty array', 'module.exports = []', 'exports no command type'],
  ['throws', 'throw new Error("no database")', 'cannot be loaded: no database'],
  [
    'has no schema',
    'module.exports = { ...of("A"), payload: {} }',
    `${isNone}: payload: must be a schema made with zod 4`,
  ],
  [
    'has a schema of zod 3',
    'module.exports = { ...of("A"), payload: require(zod3).z.object({}) }',
    `${isNone}: payload: must be a schema made with zod 4`,
  ],
  [
    'has a schema of zod/mini',
    'module.exports = { ...of("A"), payload: require(mini).object({}) }',
    `${isNone}: payload: must be a schema made with zod 4`,
  ],
  ['does nothing', 'module.exports = { ...of("A"), execute: 1 }', `${isNone}: execute: must be a function`],
  ['has a name that is none', 'module.exports = of("a b")', `${isNone}: type: a command type is 1 to 64`],
  [
    'misspells',
    'module.exports = { ...of("A"), onAgentlost: "retry" }',
    'onAgentlost: is not known, did you mean onAgentLost?',
  ],
  [
    'uses a former name',
    'module.exports = { ...of("A"), defaultTimeoutMs: 1 }',
    'defaultTimeoutMs: is not known, did you mean timeoutMs?',
  ],
  [
    'has a policy that is none',
    'module.exports = { ...of("A"), onAgentLost: "again" }',
    'onAgentLost: must be fail or retry',
  ],
  [
    'has a time that is none',
    'module.exports = { ...of("A"), timeoutMs: "1s" }',
    'timeoutMs: must be a whole number of ms, {payloadField, plusMs}, or a function',
  ],
])('refuses a module that %s, and names it', async (_, source, message) => {
  const file = join(folder, 'module.js');
  await expect(load(source)).rejects.toThrow(message);
  await expect(load(source)).rejects.toThrow(file);
});

test.each([
  ['in an array', 'module.exports = [of("A"), 1]', 'export default[1] is no command type'],
  [
    'by name',
    'exports.a = of("A"); exports.b = { ...of("B"), result: 1 }',
    'export b is no command type: result:',
  ],
])('says which of several is none: %s', async (_, source, message) => {
  await expect(load(source)).rejects.toThrow(message);
});

test('a file that is named like a package: the message says how to name it', async () => {
  await expect(loadCommandModule('my-commands.js')).rejects.toThrow(
    'a file is named by its path: ./my-commands.js',
  );
});

describe('a module whose top-level await never settles', () => {
  /** A stand-in for such a module: it is a promise that does nothing, so its import never settles either. */
  const neverLoads = 'exports.__esModule = true; exports.then = () => undefined;';

  async function beginToLoad(source: string, patience: Partial<LoadPatience>): Promise<string> {
    const file = join(folder, 'module.js');
    await writeFile(file, source);
    void loadCommandModule(file, {
      waitMs: 2 ** 31 - 1,
      onWaiting: () => undefined,
      onNeverLoaded: () => undefined,
      ...patience,
    });
    return file;
  }

  test('is named after some time, while something else keeps the process alive', async () => {
    let noteWaiting: (file: string) => void;
    const waiting = new Promise<string>((resolve) => (noteWaiting = resolve));
    const file = await beginToLoad(neverLoads, { waitMs: 1, onWaiting: (module) => noteWaiting(module) });
    expect(await waiting).toBe(file);
    process.emit('beforeExit', 0);
  });

  test('is named when nothing is left that could settle it', async () => {
    const neverLoaded: string[] = [];
    const file = await beginToLoad(neverLoads, { onNeverLoaded: (module) => neverLoaded.push(module) });
    process.emit('beforeExit', 0);
    expect(neverLoaded).toEqual([file]);
  });

  test('is not what one is called that has loaded', async () => {
    const before = process.listenerCount('beforeExit');
    const file = join(folder, 'module.js');
    await writeFile(file, `${head}module.exports = of("A")`);
    const onNeverLoaded = jest.fn();
    await loadCommandModule(file, { onWaiting: () => undefined, onNeverLoaded });
    expect(process.listenerCount('beforeExit')).toBe(before);
    process.emit('beforeExit', 0);
    expect(onNeverLoaded).not.toHaveBeenCalled();
  });
});
