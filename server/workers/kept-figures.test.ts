import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import { KeptFigures } from './kept-figures.js';
import { type Figures } from './worker-messages.js';

/** Sums over workers that come and go: what was counted never becomes less. */

async function figuresOf(requests: number, open: number): Promise<Figures> {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'requests_total', help: 'h', labelNames: ['route'], registers }).inc(
    { route: '/' },
    requests,
  );
  new Gauge({ name: 'open', help: 'h', registers }).set(open);
  return registry.getMetricsAsJSON();
}

async function sumOf(kept: KeptFigures<string>): Promise<Record<string, number>> {
  const sum = AggregatorRegistry.aggregate([...(await kept.all())]);
  const families = await sum.getMetricsAsJSON();
  return Object.fromEntries(families.map(({ name, values }) => [name, values[0]?.value ?? NaN]));
}

test('what a worker has counted stays when it has ended, and what it had open does not', async () => {
  const kept = new KeptFigures<string>();
  kept.note('a', await figuresOf(10, 1));
  kept.note('b', await figuresOf(20, 2));
  expect(await sumOf(kept)).toEqual({ requests_total: 30, open: 3 });
  kept.end('a');
  expect(await sumOf(kept)).toEqual({ requests_total: 30, open: 2 });
  kept.note('c', await figuresOf(5, 1));
  kept.end('b');
  expect(await sumOf(kept)).toEqual({ requests_total: 35, open: 1 });
});

test('one that does not answer in time counts with what it said last', async () => {
  const kept = new KeptFigures<string>();
  kept.note('a', await figuresOf(10, 1));
  kept.note('a', await figuresOf(11, 1));
  expect(await sumOf(kept)).toEqual({ requests_total: 11, open: 1 });
});

test('any number of those that have ended are kept as one', async () => {
  const kept = new KeptFigures<string>();
  for (let i = 0; i < 10; i++) {
    kept.note(`w${i}`, await figuresOf(1, 1));
    kept.end(`w${i}`);
  }
  expect(await kept.all()).toHaveLength(1);
  expect(await sumOf(kept)).toEqual({ requests_total: 10 });
});
