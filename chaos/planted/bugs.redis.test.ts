import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { type Redis } from 'ioredis';
import { freePort, repositoryRoot } from '../../shared/testing/processes.js';
import { TestRedis } from '../../shared/testing/redis-server.js';
import { bugNamed, plantedBugs } from './bugs.js';
import { nameVariable } from './note.js';
import { plant, TextNotFound } from './planted-bug.js';
import { Planting } from './planting.js';

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

test.each(plantedBugs)(
  '$name: its text stands once in what is built, and what replaces it is sound',
  async (bug) => {
    const content = builtFile(bug.file);
    const changed = plant(bug, content);
    expect(changed).not.toBe(content);
    expect(bug.breaks.length).toBeGreaterThan(0);
    if (bug.file.endsWith('.lua')) await compileScript(bug.file, changed);
    else expect(() => new Script(`(async function () { ${changed}\n})`)).not.toThrow();
  },
);

test('there are at least fourteen, each with a name of its own', () => {
  expect(plantedBugs.length).toBeGreaterThanOrEqual(14);
  expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length);
});

test.each([0, 2])('refuses a file that has the text %i times', (times) => {
  const bug = bugNamed('marker-expires');
  expect(() => plant(bug, bug.text.repeat(times))).toThrow(TextNotFound);
});

test('refuses a name that no bug has', () => {
  expect(() => bugNamed('none')).toThrow('no planted bug none');
});

describe('the preload', () => {
  const loads = `require(${JSON.stringify(join(repositoryRoot, 'dist/shared/lifecycle/scripts.js'))})`;
  const inBoth = `${loads}; const { Worker } = require('node:worker_threads'); new Worker(${JSON.stringify(loads)}, { eval: true });`;

  test('plants the bug in a process and in its threads, and notes it', async () => {
    const planting = await Planting.begin(bugNamed('marker-expires'));
    await run(process.execPath, ['-e', inBoth], { env: { ...process.env, ...planting.env } });
    const pid: unknown = expect.any(Number);
    expect(planting.notes()).toEqual([
      { pid, thread: 'main', planted: true },
      { pid, thread: 'worker', planted: true },
    ]);
    await planting.end();
  });

  test('ends a process that it cannot give its bug', async () => {
    const planting = await Planting.begin(bugNamed('marker-expires'));
    const env = { ...process.env, ...planting.env, [nameVariable]: 'none' };
    await expect(run(process.execPath, ['-e', ''], { env })).rejects.toThrow('no planted bug none');
    await planting.end();
  });
});
