/**
 * How much CPU one request may use for what is done once per type, such as compiling its schema. What
 * is not done when it is spent is done for the next request: a batch may name hundreds of types.
 */
export class CpuAllowance {
  readonly #limitMs: number;
  readonly #before = process.cpuUsage();

  constructor(limitMs = 60) {
    this.#limitMs = limitMs;
  }

  get isSpent(): boolean {
    const { user, system } = process.cpuUsage(this.#before);
    return (user + system) / 1000 >= this.#limitMs;
  }
}
