import { type BenchmarkRecord } from './record.js';

/** A record for tests: one target, missed; one table; one plot. */
export function madeRecord(more: Partial<BenchmarkRecord> = {}): BenchmarkRecord {
  return {
    name: 'limit',
    about: 'about it',
    method: ['how it is taken'],
    takenAt: '2024-05-01T12:00:00.000Z',
    tookMs: 1500,
    rounds: 2,
    short: false,
    machine: {
      cpu: 'a CPU',
      cores: 2,
      memoryGb: 8,
      os: 'Linux 6',
      node: '20.0.0',
      redis: 'Redis 7.0.15',
      appendfsync: 'always',
      inMemory: false,
      loadAverage: 0.1,
      fencepost: '0.1.0',
      bullmq: '6.7.0',
    },
    settings: { commands: 10 },
    tables: [{ title: 'A table', columns: ['what', 'value'], rows: [['a|b', '1']] }],
    plots: [
      {
        title: 'A <plot>',
        unit: 'commands/s',
        by: 'in flight',
        groups: ['1', '10'],
        series: [{ name: 'Fencepost', values: [{ median: 10, min: 8, max: 12 }, null] }],
      },
    ],
    measured: [{ target: 'share-of-limit', value: 40, min: 38, max: 42, samples: [38, 42] }],
    samples: [{ what: 'shares', unit: '%', values: [38, 42] }],
    ...more,
  };
}
