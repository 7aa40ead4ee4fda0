/**
 * How much CPU one request may use for what is done once per type, such as compiling its schema. What
 * is not done when it is spent is done for the next request: a batch may name hundreds of types.
 *
 * Counting begins with the first read of `isSpent`, which is always false: so each request gets something done,
 * and is not charged for what the process did for others before, while this request waited for Redis.
 */
export class CpuAllowance {
  readonly #limitMs: number;
  #before: NodeJS.CpuUsage | undefined;

  constructor(limitMs = 60) {
    this.#limitMs = limitMs;
  }

  get isSpent(): boolean {
    if (!this.#before) {
      this.#before = process.cpuUsage();
      return false;
    }
    const { user, system } = process.cpuUsage(this.#before);
    return (user + system) / 1000 >= this.#limitMs;
  }
}
