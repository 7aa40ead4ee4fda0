import { byExtent } from '../testing/extent.js';
import { benchmarks } from './benchmarks.js';
import { plotsSvg } from './report/plots.js';
import { runBenchmark } from './suite.js';
import { targetIds } from './targets.js';

// A benchmark throws when anything that it submitted is not completed, or is left behind: that is what is
// tested here. No figure is looked at.
//
// `npm test` runs the one with most parts, clients and servers and agents of both systems; `smoke.redis.test.ts` completes a
// round of its own, and `main.redis.test.ts` a short run of `limit`. TESTS=long runs all of them.
const onlyLong = ['throughput', 'recovery', 'limit', 'latency', 'growth', 'rivals'];
const tried = benchmarks.filter(({ name }) => byExtent(true, !onlyLong.includes(name)));

test.each(tried.map((benchmark) => [benchmark.name, benchmark] as const))(
  'a short run of %s completes everything and measures its targets',
  async (_name, benchmark) => {
    const said: string[] = [];
    const record = await runBenchmark(benchmark, {
      short: true,
      rounds: 1,
      signal: new AbortController().signal,
      say: (line) => said.push(line),
    });
    expect(record.measured.map(({ target }) => target).sort()).toEqual([...benchmark.targets].sort());
    expect(record.samples.length).toBeGreaterThan(0);
    expect(said.length).toBeGreaterThan(0);
    expect(plotsSvg(record.plots)).toMatch(/^<svg[^]*<\/svg>\n$/);
  },
);

test('every target is measured by one benchmark', () => {
  expect(benchmarks.flatMap(({ targets }) => targets).sort()).toEqual([...targetIds].sort());
});
