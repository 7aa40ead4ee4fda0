import { type Redis } from 'ioredis';

/** The real one, in ms. */
export async function readTime(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/**
 * An estimate of Redis's clock, from the last time that was seen plus what has elapsed here since.
 * It decides nothing: scripts read the real one, and an estimate that is off is corrected by them.
 */
export class RedisClock {
  readonly #monotonicMs: () => number;
  #seen: { readonly nowMs: number; readonly at: number } | undefined;

  /** @param monotonicMs tests give their own */
  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** @param nowMs Redis time in ms, from a reply that just came */
  observe(nowMs: number): void {
    this.#seen = { nowMs, at: this.#monotonicMs() };
  }

  /** Redis time in ms, or undefined before it was seen for the first time. */
  estimate(): number | undefined {
    return this.#seen && Math.floor(this.#seen.nowMs + this.#monotonicMs() - this.#seen.at);
  }
}
