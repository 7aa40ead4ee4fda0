import { type Benchmark } from './benchmark.js';
import { limit } from './limit/limit.js';
import { throughput } from './throughput/throughput.js';

/** The suite, in the order in which it runs. */

/** The suite, in the order in which it runs. */
export const benchmarks: readonly Benchmark[] = [throughput, limit];
