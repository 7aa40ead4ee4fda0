import { type Logger } from '../shared/runtime/logger.js';
import { Loop, type Service } from '../shared/runtime/service.js';
import { type AnnouncedType } from '../shared/protocol/command-types.js';
import { type Transport } from './transport/transport.js';

export interface AnnouncerOptions {
  readonly transport: Pick<Transport, 'announce'>;
  readonly types: readonly AnnouncedType[];
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Most ms between two announcements: one that is not repeated for two minutes no longer counts. */
export const longestSilenceMs = 30_000;

/**
 * Announces which command types this agent knows, and in which version: at its start and periodically, since
 * the key may be deleted, and since a version is kept for seven days after its last announcement. When other
 * agents announce another version of a type, that is logged once: servers then accept only what all of them do.
 *
 * An agent works without it, so a Redis that is full, or has something else under that key, must not keep an
 * agent from executing and reporting: a failed announcement is retried beside the work.
 */
export class Announcer implements Service {
  readonly #options: AnnouncerOptions;
  readonly #loop: Loop;
  /** Types of which others announce another version, as far as that was logged. */
  #differing: readonly string[] = [];
  #failing = false;
  #first: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const { intervalMs, logger } = options;
    const everyMs = Math.min(intervalMs, longestSilenceMs);
    this.#loop = new Loop({ name: 'announcing', intervalMs: everyMs, logger, tick: () => this.#announce() });
  }

  /** Resolves when the types were announced, or could not be for now. */
  async start(): Promise<void> {
    this.#first ??= this.#announce();
    await this.#first;
    if (!this.#isStopped) await this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#first;
    await this.#loop.stop();
  }

  async #announce(): Promise<void> {
    const { transport, types, logger } = this.#options;
    try {
      this.#compare(await transport.announce(types));
      if (this.#failing) logger.info('announcing types works again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) logger.warn({ err: error }, 'announcing types failed; retrying');
      this.#failing = true;
    }
  }

  #compare(differing: readonly string[]): void {
    const { logger } = this.#options;
    const news = differing.filter((type) => !this.#differing.includes(type));
    if (news.length > 0) {
      const what =
        'other agents announce another version of these command types; until that is over, servers';
      logger.warn(
        { types: news },
        `${what} accept only payloads that fit all versions (GET /types shows them)`,
      );
    }
    const over = this.#differing.filter((type) => !differing.includes(type));
    if (over.length > 0) logger.info({ types: over }, 'all agents announce the same version again');
    this.#differing = differing;
  }
}
