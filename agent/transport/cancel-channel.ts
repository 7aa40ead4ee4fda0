import { z } from 'zod';
import { type HeldAttempt } from '../../shared/lifecycle/attempt-leases.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { HintChannel } from './hint-channel.js';

/** The message that `cancel` publishes: `<id> <attempt>`. */
const hintSchema = z
  .tuple([z.string(), z.coerce.number().int()])
  .transform(([id, attempt]): HeldAttempt => ({ id, attempt }));

/**
 * The channel on which an agent learns that an operator wants to stop what it executes. After a break the
 * channel reports a gap; until then renewals report cancels, later.
 */
export class CancelChannel {
  readonly #channel: HintChannel;

  constructor(url: string, agentId: string, logger: Logger) {
    this.#channel = new HintChannel({
      url,
      channelOf: (keys) => keys.cancels(agentId),
      without: 'this agent learns of a cancel with its next renewal only',
      logger,
    });
  }

  /** Connects; once. */
  listen(onHint: (hint: HeldAttempt | 'gap') => void): void {
    this.#channel.listen({
      onMessage: (message) => {
        const hint = hintSchema.safeParse(message.split(' '));
        if (hint.success) onHint(hint.data);
      },
      onGap: () => onHint('gap'),
    });
  }

  close(): void {
    this.#channel.close();
  }
}
