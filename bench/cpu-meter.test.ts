import { CpuMeter, totalCpu } from './cpu-meter.js';

/** Keeps this thread at work until it has used so much processor time. */
function burn(ms: number): void {
  const before = process.cpuUsage();
  for (let spent = 0; spent < ms;) {
    const { user, system } = process.cpuUsage(before);
    spent = (user + system) / 1000;
  }
}

test('measures the main thread of each process, and this one where it counts', () => {
  const meter = new CpuMeter(process.pid, process.pid, true);
  burn(50);
  meter.begin();
  burn(300);
  meter.end();
  const { redis, worker, submitter } = meter.used;
  // The kernel counts in steps of 10 ms; other threads of this process may have helped to use it.
  for (const ms of [redis, worker, submitter]) expect(ms).toBeGreaterThan(100);
  expect(submitter).toBeLessThan(1000);
  expect(totalCpu(meter.used)).toBeGreaterThanOrEqual(redis + worker + submitter);
});

test('leaves out what is not there, or does not count', () => {
  const meter = new CpuMeter(process.pid, undefined, false);
  meter.begin();
  burn(50);
  meter.end();
  expect(meter.used).toMatchObject({ worker: 0, workerThreads: 0, submitter: 0 });
});

test('says that nothing was measured', () => {
  const meter = new CpuMeter(process.pid, undefined, true);
  expect(() => meter.end()).toThrow('did not begin');
  expect(() => meter.used).toThrow('nothing was measured');
});
