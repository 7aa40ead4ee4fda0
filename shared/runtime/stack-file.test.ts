import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveStack, readStackFile, removeStackFile, resolveRedisUrl, writeStackFile } from './stack-file.js';

const stack = { pid: process.pid, redisUrl: 'redis://127.0.0.1:6400', serverUrl: 'http://127.0.0.1:3000' };
/** Above every pid that Linux hands out. */
const noSuchPid = 2 ** 22 + 1;

describe('stack.json', () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'fencepost-stack-'))));
  afterEach(() => rmSync(dataDir, { recursive: true }));

  test('is read as it was written, and only its owner may read it', () => {
    writeStackFile(dataDir, stack);
    expect(readStackFile(dataDir)).toEqual(stack);
    expect(statSync(join(dataDir, 'stack.json')).mode & 0o777).toBe(0o600);
    removeStackFile(dataDir);
    removeStackFile(dataDir);
    expect(readStackFile(dataDir)).toBeUndefined();
  });

  test('of a process that is gone does not count', () => {
    writeStackFile(dataDir, { ...stack, pid: noSuchPid });
    expect(readStackFile(dataDir)).toBeDefined();
    expect(liveStack(dataDir)).toBeUndefined();
  });

  test.each(['', 'null', '{"pid": 1}', '{"pid": -1, "redisUrl": "redis://h", "serverUrl": "http://h"}'])(
    'with the content %j does not count',
    (content) => {
      writeFileSync(join(dataDir, 'stack.json'), content);
      expect(liveStack(dataDir)).toBeUndefined();
    },
  );

  test('a program alone takes REDIS_URL, else the running stack, else the usual Redis', () => {
    expect(resolveRedisUrl({ redisUrl: undefined, dataDir })).toBe('redis://127.0.0.1:6379');
    writeStackFile(dataDir, stack);
    expect(resolveRedisUrl({ redisUrl: undefined, dataDir })).toBe(stack.redisUrl);
    expect(resolveRedisUrl({ redisUrl: 'redis://elsewhere', dataDir })).toBe('redis://elsewhere');
  });
});
