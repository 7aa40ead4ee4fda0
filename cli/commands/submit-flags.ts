import { type ServerFlags } from './flags.js';

export interface SubmitFlags extends ServerFlags {
  readonly queue?: string;
  readonly timeout?: number;
  readonly ttl?: number;
  readonly delay?: number;
  readonly runAt?: string;
  readonly onAgentLost?: 'fail' | 'retry';
  readonly maxLosses?: number;
  readonly maxAttempts?: number;
  readonly idempotencyKey?: string;
  /** The short form of the same flag. */
  readonly key?: string;
  readonly file?: string;
  readonly wait?: boolean;
}
