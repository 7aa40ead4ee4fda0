import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../shared/runtime/process-identity.js';
import { endProcesses, freePort, startProcess } from './processes.js';

describe('a process of a test', () => {
  let folder: string;
  const script = (code: string): string => {
    const path = join(folder, 'script.cjs');
    writeFileSync(path, code);
    return path;
  };
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-processes-'))));
  afterEach(async () => {
    await endProcesses();
    rmSync(folder, { recursive: true });
  });

  test('is waited for by what it says, and by its end', async () => {
    const child = startProcess([script('console.log("up", process.env.A, process.argv[2])'), 'x'], {
      env: { A: '1' },
    });
    expect(await child.waitForLine(/up/)).toBe('up 1 x');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(await child.waitForLine(/up/)).toBe('up 1 x');
  });

  test('that ends, or keeps silent, before it said it makes the wait fail with its output', async () => {
    const child = startProcess([script('console.error("broken"); process.exit(3)')]);
    await expect(child.waitForLine(/up/)).rejects.toThrow(/it ended \(3\)\nbroken/);
    const silent = startProcess([script('setInterval(() => {}, 1000)')]);
    await expect(silent.waitForLine(/up/, { timeoutMs: 50 })).rejects.toThrow(/no \/up\/: within 50 ms/);
  });

  test('can be killed, and is by endProcesses', async () => {
    const child = startProcess([script('console.log("up"); setInterval(() => {}, 1000)')], {
      ownGroup: true,
    });
    await child.waitForLine(/up/);
    child.killGroup('SIGTERM');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGTERM' });
    const left = startProcess([script('setInterval(() => {}, 1000)')]);
    await endProcesses();
    expect(isAlive(left.pid)).toBe(false);
  });

  test('with an IPC channel sends messages', async () => {
    const child = startProcess([script('process.send({ ready: true })')], { ipc: true });
    expect(await child.waitForMessage(() => true)).toEqual({ ready: true });
  });
});

test('freePort never gives the same port twice, nor one that the system may give to a connection', async () => {
  const ports = await Promise.all(Array.from({ length: 100 }, () => freePort()));
  expect(new Set(ports).size).toBe(100);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});
