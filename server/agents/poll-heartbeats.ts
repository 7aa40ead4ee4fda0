import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { type AgentSessions } from './agent-sessions.js';
import { type LongPoll } from './long-poll.js';
import { type LongPollRegistry } from './long-poll-registry.js';

export interface PollHeartbeatsOptions {
  readonly admissions: AgentSessions;
  readonly polls: LongPollRegistry;
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** Most heartbeats in one round trip: a pipeline must stay short. */
const mostAtOnce = 200;

/**
 * Renews the registrations of agents whose polls are held here: a connection that is held open is a sign
 * of life. All that are due are sent together, so that hundreds of idle agents cost next to nothing.
 *
 * When this process dies, or Redis is unavailable, an agent's name is free to others a lease later; nothing
 * else depends on these heartbeats.
 */
export class PollHeartbeats implements Service {
  readonly #options: PollHeartbeatsOptions;
  readonly #loop: Loop;

  constructor(options: PollHeartbeatsOptions) {
    this.#options = options;
    const { leaseMs, logger } = options;
    this.#loop = new Loop({
      name: 'heartbeats',
      intervalMs: Math.min(1000, leaseMs / 12),
      logger,
      tick: () => this.#beat(),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #beat(): Promise<void> {
    const { admissions, polls, leaseMs, logger } = this.#options;
    const dueSince = performance.now() - leaseMs / 2;
    const due = polls.registered().filter(({ poll }) => poll.heardOfAt <= dueSince);
    for (let at = 0; at < due.length; at += mostAtOnce) {
      const batch = due.slice(at, at + mostAtOnce);
      try {
        const refusals = await admissions.beat(batch.map(({ registered }) => registered));
        batch.forEach(({ poll }, i) => told(poll, refusals[i] !== undefined));
      } catch (error) {
        logger.debug({ err: error }, 'heartbeats failed');
      }
    }
  }
}

/** Ends the poll of an agent whose name was taken over: its next poll is refused with the reason. */
function told(poll: LongPoll, isRefused: boolean): void {
  poll.heardOfAt = performance.now();
  if (isRefused) poll.end();
}
