import { type OnAgentLost } from '../shared/protocol/commands.js';
import { type Moment } from '../shared/runtime/clock.js';
import { type LoggerOptions } from '../shared/runtime/logger.js';
import { type TransportConfig } from './connect.js';

/** The messages between the main thread and the lease renewer's thread. They are copied, except for the memory that both threads share. */

export interface LeaseRenewerData {
  readonly transport: TransportConfig;
  readonly leaseMs: number;
  readonly maxBlockMs: number;
  /** How long a blocked main thread may take to receive the message that it must stop something. */
  readonly graceMs: number;
  readonly logger: Pick<LoggerOptions, 'level' | 'pretty'>;
  /** The lines of its log go to the main thread, instead of to standard output. */
  readonly forwardsLog: boolean;
  /** Whether it may end its process, when nothing else stops code that blocks the main thread. */
  readonly mayKill: boolean;
  /** One BigInt64: the monotonic time in ms at which the main thread last turned. */
  readonly pulse: SharedArrayBuffer;
  /** `held-table.ts`: what the main thread holds. */
  readonly held: SharedArrayBuffer;
}

export interface TrackedAttempt {
  readonly id: string;
  readonly attempt: number;
  readonly onAgentLost: OnAgentLost;
}

/** Attempts that one answer gave, or renewed. */
export interface HeldTogether {
  /** When the answered call was sent that last gave them their lease. */
  readonly renewedAt: Moment;
  /** `writeAttempts`: one string is copied to another thread far sooner than as many objects. */
  readonly attempts: string;
}

/** Attempts as text, a line each. */
export const writeAttempts = (attempts: readonly TrackedAttempt[]) =>
  attempts.map(({ id, attempt, onAgentLost }) => `${id} ${attempt} ${onAgentLost}`).join('\n');

export function readAttempts(text: string): TrackedAttempt[] {
  if (text === '') return [];
  return text.split('\n').map((line) => {
    const [id = '', attempt, onAgentLost] = line.split(' ');
    return { id, attempt: Number(attempt), onAgentLost: onAgentLost === 'retry' ? 'retry' : 'fail' };
  });
}

/** Names an attempt. */
export const keyOf = (one: { readonly id: string; readonly attempt: number }) => `${one.id}:${one.attempt}`;

export type ToLeaseRenewer =
  | {
      /** Attempts that the shared table has no place for. */
      readonly kind: 'change';
      readonly held: readonly HeldTogether[];
      /** `writeAttempts`. */
      readonly dropped: string;
    }
  | { readonly kind: 'stop' };

export type FromLeaseRenewer =
  | { readonly kind: 'ready' }
  /** The attempt is no longer this session's, or its lease is about to end and another may begin. */
  | { readonly kind: 'lost'; readonly id: string; readonly attempt: number; readonly why: string }
  /** A client or an operator cancelled the attempt; its lease is kept until its report was answered. */
  | { readonly kind: 'cancelled'; readonly id: string; readonly attempt: number }
  /** An operator wants this session to take no more commands. */
  | { readonly kind: 'draining' }
  /** A line of its log, as JSON. */
  | { readonly kind: 'log'; readonly line: string }
  /** This session is over. */
  | { readonly kind: 'over'; readonly why: string };
