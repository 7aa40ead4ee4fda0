import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../testing/redis-server.js';
import { announcementOf, loadCommands } from './command-registry.js';
import { builtInTypes, builtInTypesFile } from './builtin-types.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'fencepost-commands-'))));
afterEach(() => rm(folder, { recursive: true }));

/** A module as a user writes it, beside a project that has zod. */
async function moduleWith(source: string): Promise<string> {
  const file = join(folder, 'module.js');
  await writeFile(file, `const { z } = require(${JSON.stringify(require.resolve('zod'))});\n${source}`);
  return file;
}

const echo = (type: string) => `module.exports = {
  type: '${type}', payload: z.strictObject({ text: z.string() }), result: z.string(), timeoutMs: 1000,
  onAgentLost: 'retry', execute: async ({ payload }) => payload.text,
};`;

it('finds every command type in its folder by itself', async () => {
  expect([...(await loadCommands()).keys()]).toEqual(['DELAY', 'HTTP_GET_JSON']);
});

it('adds the types of the modules that it is given', async () => {
  const registry = await loadCommands([await moduleWith(echo('ECHO'))]);
  const announced = announcementOf(registry).find(({ type }) => type === 'ECHO');
  expect(announced).toMatchObject({
    onAgentLost: 'retry',
    payload: { type: 'object', required: ['text'], additionalProperties: false },
  });
});

it('announces nothing that differs between two agents with the same code, or that is stricter than they are', async () => {
  const source = `module.exports = {
    type: 'LOOSE', execute: async () => ({}), result: z.object({ by: z.number().default(1) }),
    payload: z.object({ id: z.uuid().default(() => crypto.randomUUID()), word: z.string().regex(/^[a-z]+$/i) }),
  };`;
  const registry = await loadCommands([await moduleWith(source)]);
  const [first, again] = [0, 1].map(() => announcementOf(registry).find(({ type }) => type === 'LOOSE'));
  expect(again).toEqual(first);
  expect(first?.payload).toMatchObject({ required: ['word'] });
  expect(JSON.stringify(first?.payload)).not.toMatch(/default|\^\[a-z/);
  // The result is stored as the handler returned it: with additional keys, and without defaults.
  expect(first?.result).not.toHaveProperty('required');
  expect(first?.result).not.toHaveProperty('additionalProperties');
});

it.each([
  ['cannot be loaded', 'throw new Error("no")', /cannot be loaded: no/],
  [
    'exports no command type',
    'module.exports = { type: "X" };',
    /is no command type: payload: must be a schema made with zod 4/,
  ],
  ['takes the name of another type', echo('DELAY'), /DELAY exists already/],
])('refuses a module that %s', async (_, source, message) => {
  await expect(loadCommands([await moduleWith(source)])).rejects.toThrow(message);
});

it('the built-in types are those of the generated list (else: npm run generate)', async () => {
  expect(await readFile(join(repositoryRoot, builtInTypesFile), 'utf8')).toBe(await builtInTypes());
});
