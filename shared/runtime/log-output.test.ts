import { closeSync, openSync } from 'node:fs';
import { createLogger } from './logger.js';
import { LogOutput, type LostLines } from './log-output.js';

/** A file that fails on request: with a code, after so many bytes. */
class Disk {
  text = '';
  tries = 0;
  fault: string | undefined;
  room = Infinity;

  readonly write = (bytes: Uint8Array): number => {
    this.tries += 1;
    const taken = bytes.subarray(0, this.room);
    if (this.fault !== undefined && taken.length === 0) {
      throw Object.assign(new Error('cannot be written'), { code: this.fault });
    }
    this.room -= taken.length;
    this.text += Buffer.from(taken).toString();
    return taken.length;
  };

  break(code: string, room = 0): void {
    this.fault = code;
    this.room = room;
  }

  mend(): void {
    this.fault = undefined;
    this.room = Infinity;
  }
}

let disk: Disk;
let output: LogOutput;
let recoveries: LostLines[];
beforeEach(() => {
  disk = new Disk();
  output = new LogOutput(disk.write, { patienceMs: 10 });
  recoveries = [];
  output.onRecovered = (lost) => recoveries.push(lost);
});

test.each(['ENOSPC', 'EPIPE', 'EIO', 'EAGAIN', 'EBADF'])(
  'lines that fail with %s are dropped and counted, and it says so once when it works again',
  (code) => {
    output.write('a\n');
    disk.break(code);
    output.write('b\n');
    output.write('c\nd\n');
    disk.mend();
    output.write('e\n');
    output.write('f\n');
    expect(disk.text).toBe('a\ne\nf\n');
    expect(output.droppedLines).toBe(3);
    expect(recoveries).toEqual([{ lines: 3, reason: code }]);
  },
);

test('a line that was cut half-way is ended, and the next one stands alone', () => {
  disk.break('ENOSPC', 4);
  output.write('{"a":1}\n');
  output.write('{"b":2}\n');
  disk.mend();
  output.write('{"c":3}\n');
  expect(disk.text).toBe('{"a"\n{"c":3}\n');
});

test('a write that takes a part at a time is gone on with', () => {
  const slow = new LogOutput((bytes) => disk.write(bytes.subarray(0, 3)));
  slow.write('abcdefgh\n');
  expect(disk.text).toBe('abcdefgh\n');
});

test('a reader that is slow is waited for', () => {
  const patient = new LogOutput(
    (bytes) => {
      if (disk.tries++ < 3) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
      return disk.write(bytes);
    },
    { patienceMs: 3_600_000 },
  );
  patient.write('a\n');
  expect([disk.text, patient.droppedLines]).toEqual(['a\n', 0]);
});

test('a reader that does not read is waited for once, and not at each line', () => {
  disk.break('EAGAIN');
  output.write('a\n');
  const tries = disk.tries;
  output.write('b\n');
  output.write('c\n');
  expect(disk.tries).toBe(tries + 2);
});

test('a logger whose disk is full goes on, and logs how many lines are missing', () => {
  const logger = createLogger({ side: 'server', level: 'info', pretty: false, destination: output });
  disk.break('ENOSPC');
  logger.error('a');
  disk.mend();
  logger.info('b');
  const lines = disk.text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ msg: 'b' }),
    expect.objectContaining({
      level: 'warn',
      lines: 1,
      reason: 'ENOSPC',
      msg: expect.stringContaining('missing') as string,
    }),
  ]);
});

test('a full device is no different', () => {
  const fd = openSync('/dev/full', 'w');
  const full = new LogOutput(fd);
  full.write('a\n');
  closeSync(fd);
  full.write('b\n');
  expect(full.droppedLines).toBe(2);
});
