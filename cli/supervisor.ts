import { type Logger } from '../shared/runtime/logger.js';
import { SupervisedChild, type ChildSpec, type StartOutcome } from './supervised-child.js';

/**
 * Keeps tiers of child processes running, each depending on those started before it: Redis, the server,
 * the agents. They stop in reverse, so that agents can still report and release commands while Redis is up.
 *
 * When this process dies, its Node children notice by their IPC channel and stop; Redis runs on until the
 * next start finds it (`OwnRedis`).
 */
export class Supervisor {
  readonly #logger: Logger;
  readonly #tiers: SupervisedChild[][] = [];
  #stopping = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts one more tier. Resolves when all of it is ready, or as soon as one of it refused or was stopped. */
  async start(specs: readonly ChildSpec[]): Promise<StartOutcome> {
    if (this.#stopping) return 'stopped';
    const tier = specs.map((spec) => new SupervisedChild(spec, this.#logger));
    this.#tiers.push(tier);
    return new Promise((resolve) => {
      const starts = tier.map(async (child) => {
        const outcome = await child.start();
        if (outcome !== 'ready') resolve(outcome);
      });
      void Promise.all(starts).then(() => resolve('ready'));
    });
  }

  /** Stops tier by tier, the latest first. Stopping twice is safe. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const tier of this.#tiers.toReversed()) {
      await Promise.all(tier.map((child) => child.stop()));
    }
  }

  /** Signals everything at once and waits for nothing. */
  kill(): void {
    this.#stopping = true;
    for (const child of this.#tiers.flat().reverse()) child.kill();
  }
}
