import { type Benchmark } from './benchmark.js';
import { recovery } from './recovery/recovery.js';

/** The suite, in the order in which it runs. */
export const benchmarks: readonly Benchmark[] = [recovery];
