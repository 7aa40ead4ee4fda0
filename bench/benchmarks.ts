import { type Benchmark } from './benchmark.js';

/** The suite, in the order in which it runs. */
export const benchmarks: readonly Benchmark[] = [];
