import { type Benchmark } from './benchmark.js';
import { growth } from './growth/growth.js';
import { http } from './http/http.js';
import { latency } from './latency/latency.js';
import { limit } from './limit/limit.js';
import { recovery } from './recovery/recovery.js';
import { rivals } from './rivals/rivals.js';
import { throughput } from './throughput/throughput.js';

/** The suite, in the order in which it runs. */
export const benchmarks: readonly Benchmark[] = [throughput, rivals, http, latency, limit, growth, recovery];
