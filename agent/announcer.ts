import { type Logger } from '../shared/runtime/logger.js';
import { Loop, type Service } from '../shared/runtime/service.js';
import { type AnnouncedType, type Transport } from '../shared/transport/transport.js';

export interface AnnouncerOptions {
  readonly transport: Pick<Transport, 'announce'>;
  readonly types: readonly AnnouncedType[];
  readonly intervalMs: number;
  readonly logger: Logger;
}

/**
 * Tells which command types this agent knows: at its start, and again when somebody deleted that.
 *
 * An agent works without it, so a Redis that is full, or has something else under that key, must not
 * keep one from executing and reporting: what fails is tried again beside the work.
 */
export class Announcer implements Service {
  readonly #options: AnnouncerOptions;
  readonly #loop: Loop;
  #announced = false;
  #failing = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const { intervalMs, logger } = options;
    this.#loop = new Loop({ name: 'announcing', intervalMs, logger, tick: () => this.#announce() });
  }

  /** Resolves when the types were announced, or could not be for now. */
  async start(): Promise<void> {
    await this.#announce();
    await this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #announce(): Promise<void> {
    const { transport, types, logger } = this.#options;
    try {
      await transport.announce(types, this.#announced ? 'missing' : 'all');
      if (this.#failing) logger.info('announcing works again');
      this.#announced = true;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) logger.warn({ err: error }, 'announcing fails; trying again');
      this.#failing = true;
    }
  }
}
