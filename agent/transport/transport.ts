import { type HeldAttempt, type RenewWord } from '../../shared/lifecycle/attempt-leases.js';
import { type ProgressWord, type ProgressUpdate } from '../../shared/lifecycle/progress.js';
import { type Resolved } from '../../shared/lifecycle/recovery.js';
import { type RegisterReply } from '../../shared/lifecycle/registration.js';
import { type AnnouncedType } from '../../shared/protocol/command-types.js';
import { type Report, type ReportWord, type StartedCommand } from '../../shared/lifecycle/transitions.js';
import { type ServedQueues } from '../../shared/protocol/served-queues.js';
import { type Moment } from '../../shared/runtime/clock.js';

/** An agent's description of itself, sent when it registers and again with every heartbeat. */
export interface AgentDescription extends ServedQueues {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly types: readonly string[];
  readonly concurrency: number;
}

/** The number of commands that an agent can take at this moment. */
export interface Demand {
  /** Most commands that it may have in flight. */
  readonly limit: number;
  /** Entries of the commands that it has: started, and their report or release not yet answered. */
  readonly inFlight: readonly string[];
}

export type NextReply =
  | {
      readonly word: 'ok';
      readonly started: readonly StartedCommand[];
      /** A moment, by this process's clock, before which none of their leases began. */
      readonly askedAt: Moment;
    }
  /** A newer session of this agent was registered: this one is over. */
  | { readonly word: 'old-session' };

/** The start that a call may make together with its reports. */
export interface Turn {
  /**
   * Asked right before the call is sent; without the reports of this very call, whose answer frees
   * their places.
   */
  readonly demand: () => Demand;
  /** Called once with the answer, before anything else is started for this agent. */
  readonly onAnswer: (reply: NextReply) => void;
}

/**
 * How an agent reaches Fencepost. The rest of `agent/` does not know which one it has.
 *
 * Every method may be called again after it threw: whatever it asked for happens once. It throws
 * when the other side cannot be reached; expected outcomes are values.
 */
export interface Transport {
  /** Takes the agent's name, or renews the hold on it. */
  register(): Promise<RegisterReply>;
  /**
   * Announces which command types this agent knows, in which version; must be repeated now and then.
   *
   * @returns the names of those of which other agents announce another version
   */
  announce(types: readonly AnnouncedType[]): Promise<readonly string[]>;
  /**
   * Starts commands for this agent. Resolves with none when there was nothing to do for a while, or
   * `signal` was aborted.
   *
   * @param demand asked right before each start, since it changes while the call waits
   */
  next(demand: () => Demand, signal: AbortSignal): Promise<NextReply>;
  /** Whether `report` takes a turn: an agent then leaves the places that its reports free to them. */
  readonly startsWhenItReports: boolean;
  /**
   * @param turn more commands to start, once these are reported: one round trip instead of two
   * @returns a word per report, in order
   */
  report(reports: readonly Report[], turn?: Turn): Promise<ReportWord[]>;
  /**
   * Renews the leases of attempts that this session is still at work on.
   *
   * @returns a word per attempt, in order
   */
  renew(held: readonly HeldAttempt[]): Promise<RenewWord[]>;
  /**
   * Reports the progress of attempts. An older report never replaces a newer one of the same attempt:
   * `sequence` orders them, so a call may be sent twice, and arrive late.
   *
   * @returns a word per attempt, in order
   */
  reportProgress(told: readonly ProgressUpdate[]): Promise<ProgressWord[]>;
  /**
   * How long after the last renewal the next is due. A third of the lease is enough to keep it; where
   * nothing else reports a cancel, it must come sooner, since an agent learns of one within a second.
   */
  readonly renewAfterMs: number;
  /**
   * Listens for cancels, where there is something to listen to. Hints may be lost. To know, the agent renews
   * the attempt that a hint names; after `gap`, all that it holds.
   */
  hearCancels(onHint: (hint: HeldAttempt | 'gap') => void): void;
  /**
   * Settles what earlier runs left whose processes are proved dead, at once. Call it only after every
   * journalled outcome was answered.
   */
  settle(): Promise<'old-session' | readonly Resolved[]>;
  /** Releases what was delivered to this agent and not started. @returns how many */
  releaseUnstarted(): Promise<number>;
  /** Takes part in recovery, where agents do; every lease/12. @returns what this call resolved */
  recover(): Promise<readonly Resolved[]>;
  /** Gives the name back: this agent stops in good order. */
  leave(): Promise<void>;
  /** Closes every connection. Nothing else may be called afterwards. */
  close(): void;
}
