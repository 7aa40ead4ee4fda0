import { type Status } from '../protocol/commands.js';
import { type ScriptName } from './scripts.js';

/** A command in one of these never changes again, except by an operator's retry, which FAILED allows. */
export const terminalStatuses = ['COMPLETED', 'FAILED'] as const satisfies readonly Status[];

export const isTerminal = (status: Status): boolean => terminalStatuses.some((one) => one === status);

export interface Transition {
  /** null: there was no such command. */
  readonly from: Status | null;
  readonly to: Status;
  readonly script: ScriptName;
  readonly when: string;
}

/** Every change of status that there is. A step from PENDING to PENDING changes where a command waits. */
export const transitions: readonly Transition[] = [
  { from: null, to: 'PENDING', script: 'submit', when: 'a client asks for it' },
  { from: 'PENDING', to: 'PENDING', script: 'promote', when: 'its runAt has come: it gets its entry' },
  { from: 'PENDING', to: 'RUNNING', script: 'start', when: 'an agent has a free slot for it' },
  {
    from: 'PENDING',
    to: 'PENDING',
    script: 'start',
    when: 'the agent does not know its type: moved to the lane of that',
  },
  { from: 'PENDING', to: 'FAILED', script: 'start', when: 'it had expired before it was started' },
  { from: 'PENDING', to: 'FAILED', script: 'expire', when: 'it expired, and no agent asked for it' },
  { from: 'RUNNING', to: 'COMPLETED', script: 'report', when: 'its handler gave a result' },
  { from: 'RUNNING', to: 'FAILED', script: 'report', when: 'its handler failed, and it is not tried again' },
  {
    from: 'RUNNING',
    to: 'PENDING',
    script: 'report',
    when: 'its handler failed, and it is tried again: put back, with runAt after a pause',
  },
  { from: 'PENDING', to: 'PENDING', script: 'release', when: 'an agent stops that had not started it' },
  {
    from: 'RUNNING',
    to: 'PENDING',
    script: 'release',
    when: 'an agent gives up an attempt that it did not execute',
  },
  {
    from: 'RUNNING',
    to: 'FAILED',
    script: 'release',
    when: 'an agent gives up an attempt that it did not execute, and that it was asked to stop',
  },
  { from: 'PENDING', to: 'PENDING', script: 'recover', when: 'its agent was lost before it started it' },
  {
    from: 'RUNNING',
    to: 'PENDING',
    script: 'recover',
    when: 'its agent was lost, and it may be executed again',
  },
  {
    from: 'RUNNING',
    to: 'FAILED',
    script: 'recover',
    when: 'its agent was lost, and it may not be executed again',
  },
  {
    from: 'PENDING',
    to: 'PENDING',
    script: 'abandon',
    when: 'an earlier session of its agent had not started it',
  },
  {
    from: 'RUNNING',
    to: 'PENDING',
    script: 'abandon',
    when: 'an earlier session of its agent died executing it, and it may be executed again',
  },
  {
    from: 'RUNNING',
    to: 'FAILED',
    script: 'abandon',
    when: 'an earlier session of its agent died executing it, and it may not be executed again',
  },
  { from: 'PENDING', to: 'PENDING', script: 'rescue', when: 'its entry was deleted' },
  {
    from: 'RUNNING',
    to: 'PENDING',
    script: 'rescue',
    when: 'its entry was deleted, no agent renews it, and it may be executed again',
  },
  {
    from: 'RUNNING',
    to: 'FAILED',
    script: 'rescue',
    when: 'its entry was deleted, no agent renews it, and it may not be executed again',
  },
  { from: 'PENDING', to: 'FAILED', script: 'cancel', when: 'a client cancels it' },
  {
    from: 'RUNNING',
    to: 'FAILED',
    script: 'cancel',
    when: 'its time is over, or it was asked to stop, and its agent has not said in time how it ended',
  },
  { from: 'FAILED', to: 'PENDING', script: 'retry', when: 'an operator wants it to be executed again' },
];

/** Scripts that change no status of a command, but record that its agent still executes it. */
export const leaseScripts = ['renew'] as const satisfies readonly ScriptName[];

/** Scripts that change no status of a command, but record what its attempt reports of itself. */
export const progressScripts = ['progress'] as const satisfies readonly ScriptName[];

/** Scripts that end the existence of commands: from a terminal status there is no way on but this. */
export const retentionScripts = ['prune'] as const satisfies readonly ScriptName[];

/** Scripts that change no command: whether a queue gives any, and what is kept of names that are not in use. */
export const queueScripts = [
  'pause',
  'resume',
  'retire',
  'open',
  'dismiss',
  'survey',
] as const satisfies readonly ScriptName[];

/** Scripts that change no command: who an agent is, what it knows, and which of its sessions is the newest. */
export const registrationScripts = [
  'register',
  'admit',
  'leave',
  'drain',
  'announce',
] as const satisfies readonly ScriptName[];
