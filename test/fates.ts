import { type OnAgentLost } from '../shared/protocol/commands.js';
import { type AgentPoint } from '../shared/runtime/faults.js';
import { type Fate, undisturbed } from './fate.js';

/** The required fate of a command, under either policy. */
type Fates = Readonly<Record<OnAgentLost, Fate>>;

const both = (fate: Fate): Fates => ({ fail: fate, retry: fate });

/** The fate under the lost-agent policy, after `effects`. */
export const lostAfter = (effects: readonly number[]): Fates => ({
  fail: {
    status: 'FAILED',
    code: 'AGENT_LOST',
    executed: 'unknown',
    attempt: 1,
    losses: 1,
    effects,
    history: [],
  },
  retry: { ...undisturbed, attempt: 2, losses: 1, effects: [...effects, 2], history: ['lost 1'] },
});

interface Row {
  /** The agent is started again on its data directory. */
  readonly restarted: Fates;
  /** The agent never comes back, and another one does the rest when the lease has run out. */
  readonly gone: Fates;
  /** The agent was only frozen, and wakes up when another one has done the rest: what it then reports is too late. */
  readonly tooLate: readonly string[];
}

/** The lost-agent policy (docs/explanation/guarantees-and-recovery.md), for every place where one can die or freeze. */
export const fates: Readonly<Record<AgentPoint, Row>> = {
  'entry-read': { restarted: both(undisturbed), gone: both(undisturbed), tooLate: [] },
  'start-sent': { restarted: lostAfter([]), gone: lostAfter([]), tooLate: [] },
  'start-won': { restarted: lostAfter([]), gone: lostAfter([]), tooLate: [] },
  // The agent learns that its attempt is no longer current, and aborts the request that it waits for.
  'mid-execution': { restarted: lostAfter([1]), gone: lostAfter([1]), tooLate: ['late 1 FAILED'] },
  executed: { restarted: lostAfter([1]), gone: lostAfter([1]), tooLate: ['late 1 COMPLETED'] },
  // Only its data directory knows how it ended.
  journalled: { restarted: both(undisturbed), gone: lostAfter([1]), tooLate: ['late 1 COMPLETED'] },
  'report-sent': { restarted: both(undisturbed), gone: both(undisturbed), tooLate: [] },
};

/**
 * Over HTTP a server stands between an agent and Redis, and looks whether its client is still there
 * before it starts a command for it: one that dies right after it asked may have been given one, or not.
 */
export const fatesOverHttp: Readonly<Record<Exclude<AgentPoint, 'entry-read'>, readonly Row[]>> = {
  'start-sent': [fates['start-sent'], fates['entry-read']],
  'start-won': [fates['start-won']],
  'mid-execution': [fates['mid-execution']],
  executed: [fates.executed],
  journalled: [fates.journalled],
  'report-sent': [fates['report-sent']],
};
