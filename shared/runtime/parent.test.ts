import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses, repositoryRoot, startProcess } from '../../testing/processes.js';

const parentModule = JSON.stringify(join(repositoryRoot, 'dist/shared/runtime/parent.js'));

describe('a child of npm start', () => {
  let folder: string;
  const script = (name: string, code: string): string => {
    const path = join(folder, name);
    writeFileSync(path, code);
    return path;
  };
  const child = (stop: string) =>
    script(
      'child.cjs',
      `const { reportReady, exitWithParent } = require(${parentModule});
       exitWithParent(${stop}, 200);
       setInterval(() => {}, 1000);
       reportReady({ port: 1 });`,
    );
  /** Starts the child, prints its message and lives on. */
  const parent = (childPath: string) =>
    script(
      'parent.cjs',
      `const child = require('node:child_process').fork(${JSON.stringify(childPath)});
       child.on('message', (message) => console.log(JSON.stringify(message)));`,
    );
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-parent-'))));
  afterEach(async () => {
    await endProcesses();
    rmSync(folder, { recursive: true });
  });

  test('says when it is ready; when its parent is killed it stops, then exits', async () => {
    const stop = `async () => console.log('stopped')`;
    const process = startProcess([parent(child(stop))]);
    expect(JSON.parse(await process.waitForLine(/ready/))).toEqual({ ready: true, port: 1 });
    process.kill('SIGKILL');
    // The child holds the output open: it is gone as well.
    await process.outputEnded;
    expect(process.output).toContain('stopped');
  });

  test.each([`() => new Promise(() => {})`, `() => Promise.reject(new Error('no'))`])(
    'exits even when its stop is %s',
    async (stop) => {
      const process = startProcess([parent(child(stop))]);
      await process.waitForLine(/ready/);
      process.kill('SIGKILL');
      await process.outputEnded;
    },
  );

  test('that has no parent runs on', async () => {
    const process = startProcess([child(`async () => {}`)]);
    process.kill('SIGTERM');
    expect(await process.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });
});
