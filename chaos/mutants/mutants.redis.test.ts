import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { type Redis } from 'ioredis';
import { freePort, repositoryRoot } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';
import { mutantNamed, mutants } from './mutants.js';
import { nameVariable } from './note.js';
import { applyMutant, TextNotFound } from './mutant.js';
import { Mutation } from './mutation.js';

const run = promisify(execFile);
const builtFile = (file: string) => readFileSync(join(repositoryRoot, 'dist', file), 'utf8');

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await TestRedis.start({ port: await freePort() });
  redis = server.client();
});
afterAll(() => server.stop());

/** Compiles a script as `scripts.ts` puts it together; throws Redis's own syntax error. */
async function compileScript(file: string, content: string): Promise<void> {
  const isPrelude = file.endsWith('/prelude.lua');
  const prelude = isPrelude ? content : builtFile('shared/lifecycle/prelude.lua');
  const [first = '', ...rest] = isPrelude ? ['#!lua'] : content.split('\n');
  await redis.script('LOAD', [first, prelude, ...rest].join('\n'));
}

test.each(mutants)(
  '$name: its text stands once in what is built, and what replaces it is sound',
  async (mutant) => {
    const content = builtFile(mutant.file);
    const changed = applyMutant(mutant, content);
    expect(changed).not.toBe(content);
    expect(mutant.breaks.length).toBeGreaterThan(0);
    if (mutant.file.endsWith('.lua')) await compileScript(mutant.file, changed);
    else expect(() => new Script(`(async function () { ${changed}\n})`)).not.toThrow();
  },
);

test('there are at least fourteen, each with a name of its own', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(14);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test.each([0, 2])('refuses a file that has the text %i times', (times) => {
  const mutant = mutantNamed('marker-expires');
  expect(() => applyMutant(mutant, mutant.text.repeat(times))).toThrow(TextNotFound);
});

test('refuses a name that no mutant has', () => {
  expect(() => mutantNamed('none')).toThrow('no mutant none');
});

describe('the preload', () => {
  const loads = `require(${JSON.stringify(join(repositoryRoot, 'dist/shared/lifecycle/scripts.js'))})`;
  const inBoth = `${loads}; const { Worker } = require('node:worker_threads'); new Worker(${JSON.stringify(loads)}, { eval: true });`;

  test('plants the mutant in a process and in its threads, and notes it', async () => {
    const mutation = await Mutation.begin(mutantNamed('marker-expires'));
    await run(process.execPath, ['-e', inBoth], { env: { ...process.env, ...mutation.env } });
    const pid: unknown = expect.any(Number);
    expect(mutation.notes()).toEqual([
      { pid, thread: 'main', applied: true },
      { pid, thread: 'worker', applied: true },
    ]);
    await mutation.end();
  });

  test('ends a process that it cannot give its mutant', async () => {
    const mutation = await Mutation.begin(mutantNamed('marker-expires'));
    const env = { ...process.env, ...mutation.env, [nameVariable]: 'none' };
    await expect(run(process.execPath, ['-e', ''], { env })).rejects.toThrow('no mutant none');
    await mutation.end();
  });
});
