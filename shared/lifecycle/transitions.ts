import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandErrorCode } from '../protocol/errors.js';
import { type Executed, type OnAgentLost } from '../protocol/commands.js';
import { type PartitionKeys } from '../store/keys.js';
import { homeOf } from '../store/lanes.js';
import { callScript } from './scripts.js';

/**
 * The scripts as functions: arguments and replies with types. Nothing here decides anything.
 * Every function throws what ioredis throws when Redis is away or full, and nothing else.
 */

/** A new command, ready to be stored. JSON values are text: the scripts carry them and never parse them. */
export interface NewCommand {
  readonly id: string;
  /** Digest of what was asked for, when the id comes from an Idempotency-Key; else ''. */
  readonly digest: string;
  readonly type: string;
  readonly payload: string;
  readonly queue: string;
  /** When it may start: an instant in ms, or a pause from now; at once when left out. */
  readonly start?: { readonly at: number } | { readonly inMs: number } | undefined;
  readonly ttlMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly onAgentLost?: OnAgentLost | undefined;
  readonly maxLosses?: number | undefined;
  readonly maxAttempts?: number | undefined;
}

export interface SubmitOptions {
  /** Redis time in ms after which this request is too old to be carried out. */
  readonly notAfter: number;
  /** Most PENDING commands there may be. */
  readonly maxBacklog: number;
  /** Most queues there may be; any number when left out. */
  readonly maxQueues?: number | undefined;
  /** A conflict of one keeps all of them from being stored; else they have nothing to do with each other. */
  readonly isWhole?: boolean;
}

const submitWordSchema = z.enum([
  'accepted',
  'same',
  'conflict',
  'unstored',
  'full',
  'queues-full',
  'expired',
]);
/** `unstored`: another command of a whole request is a `conflict`. */
export type SubmitWord = z.infer<typeof submitWordSchema>;
/** `broken`: a key that Fencepost needs holds something else, which an operator must delete. */
export type SubmitReply = { readonly word: SubmitWord } | { readonly word: 'broken'; readonly key: string };

const submitReplySchema = z.tuple([
  z.number(),
  z.union([z.literal('accepted'), z.custom<readonly unknown[]>(Array.isArray)]),
]);
const brokenSchema = z.tuple([z.literal('broken'), z.string()]);
/** Nearly every reply is one of these: a batch has a thousand. */
const plainReplies = new Map<unknown, SubmitReply>(submitWordSchema.options.map((word) => [word, { word }]));

/** (none) → PENDING. @returns Redis time in ms, and a reply per command, in order. */
export async function submit(
  redis: Redis,
  keys: PartitionKeys,
  commands: readonly NewCommand[],
  options: SubmitOptions,
): Promise<{ now: number; replies: SubmitReply[] }> {
  const { notAfter, maxBacklog, maxQueues = Number.MAX_SAFE_INTEGER, isWhole = false } = options;
  const groups = groupsOf(commands);
  const args: (string | number)[] = [notAfter, maxBacklog, maxQueues, isWhole ? '1' : '', groups.length];
  for (const group of groups) pushGroup(args, group);
  const [now, replies] = submitReplySchema.parse(await callScript(redis, 'submit', keys.root, args));
  if (replies === 'accepted') return { now, replies: commands.map(() => accepted) };
  return { now, replies: replies.map(submitReplyOf) };
}

const accepted: SubmitReply = { word: 'accepted' };

function submitReplyOf(reply: unknown): SubmitReply {
  const plain = plainReplies.get(reply);
  if (plain) return plain;
  const [word, key] = brokenSchema.parse(reply);
  return { word, key };
}

/** Consecutive commands that differ in nothing but id, payload and digest form a group. */
function groupsOf(commands: readonly NewCommand[]): readonly (readonly [NewCommand, ...NewCommand[]])[] {
  const groups: [NewCommand, ...NewCommand[]][] = [];
  for (const command of commands) {
    const group = groups.at(-1);
    if (group && isLike(command, group[0])) group.push(command);
    else groups.push([command]);
  }
  return groups;
}

const isLike = (one: NewCommand, other: NewCommand): boolean =>
  one.type === other.type &&
  one.queue === other.queue &&
  (one.digest === '') === (other.digest === '') &&
  isSameStart(one.start, other.start) &&
  one.ttlMs === other.ttlMs &&
  one.timeoutMs === other.timeoutMs &&
  one.onAgentLost === other.onAgentLost &&
  one.maxLosses === other.maxLosses &&
  one.maxAttempts === other.maxAttempts;

const isSameStart = (one: NewCommand['start'], other: NewCommand['start']): boolean =>
  one === other ||
  (one !== undefined && other !== undefined && timesOf(one).join() === timesOf(other).join());

const timesOf = (start: NewCommand['start']): readonly [when: string, ms: number] => {
  if (start === undefined) return ['', 0];
  return 'at' in start ? ['at', start.at] : ['in', start.inMs];
};

/** Makes no array or object per command: a batch has a thousand. */
function pushGroup(args: (string | number)[], group: readonly [NewCommand, ...NewCommand[]]): void {
  const [{ digest, queue, start, ttlMs, type, timeoutMs, onAgentLost, maxLosses, maxAttempts }] = group;
  args.push(queue, ...timesOf(start));
  const count = args.push(ttlMs ?? '', 1) - 1;
  args.push('type', type);
  if (timeoutMs !== undefined) args.push('timeoutMs', timeoutMs);
  if (onAgentLost === 'retry') args.push('onAgentLost', onAgentLost);
  if (maxLosses !== undefined) args.push('maxLosses', maxLosses);
  if (maxAttempts !== undefined) args.push('maxAttempts', maxAttempts);
  args[count] = (args.length - 1 - count) / 2;
  const isKeyed = digest !== '';
  args.push(isKeyed ? '1' : '', group.length);
  for (const command of group) {
    args.push(command.id, command.payload);
    if (isKeyed) args.push(command.digest);
  }
}

/** One execution, as an agent is given it. */
export interface StartedCommand {
  readonly queue: string;
  /**
   * The ticket of this delivery, `<queue or lane>/<stream id>`: names the attempt in `start` until its report is
   * answered. With the queue, since two streams may give the same id in the same millisecond.
   */
  readonly entry: string;
  /**
   * The ticket over HTTP, where `entry` is the attempt itself. A command that was deleted, and submitted
   * anew with its Idempotency-Key, has its id and its attempts again; only the ticket distinguishes them.
   */
  readonly ticket?: string;
  readonly id: string;
  readonly attempt: number;
  readonly type: string;
  /** JSON. */
  readonly payload: string;
  readonly timeoutMs: number | undefined;
  readonly onAgentLost: OnAgentLost;
}

export interface StartOptions {
  readonly agentId: string;
  /** '' for a caller without one. */
  readonly session: string;
  /** Most commands that this agent may have started at once. */
  readonly limit: number;
  readonly queues: readonly string[];
  /** The command types it knows; none: all. */
  readonly types: readonly string[];
  /** The attempts that it has in flight, by `StartedCommand.entry`. */
  readonly inFlight: readonly string[];
}

/** Delivered to this agent, but not started. */
export interface WaitingEntry {
  readonly queue: string;
  /** Like `StartedCommand.entry`. */
  readonly entry: string;
  readonly id: string;
}

export type StartReply =
  | { readonly word: 'old-session' }
  | {
      readonly word: 'ok';
      /** Redis time in ms. */
      readonly now: number;
      readonly started: readonly StartedCommand[];
      readonly waiting: readonly WaitingEntry[];
      /** The queues among them from which nothing is started, since an operator paused them. */
      readonly paused: readonly string[];
      /** Whether `start` stopped at its bound, and there may be more to start: ask again. */
      readonly more: boolean;
    };

/** A schema of zod for each of them would cost more than all else that an agent does with a command. */
const startReplySchema = z.union([
  z.tuple([z.literal('old-session')]),
  z.tuple([
    z.literal('ok'),
    z.number(),
    z.custom<readonly unknown[]>(Array.isArray),
    z.array(z.string()),
    z.number(),
  ]),
]);

/** A delivery's ticket, for a caller that knows its command's hash only: `StartOptions.inFlight` takes it. */
export const ticketOf = (queue: string, entry: string) => `${queue}/${entry}`;

/** PENDING → RUNNING, for what was delivered to this agent before and for what waits in its queues. */
export async function start(redis: Redis, keys: PartitionKeys, options: StartOptions): Promise<StartReply> {
  return parseStart(await callScript(redis, 'start', keys.root, startArgs(options)));
}

function startArgs({ agentId, session, limit, queues, types, inFlight }: StartOptions): (string | number)[] {
  return [
    agentId,
    session,
    limit,
    queues.length,
    ...queues,
    types.length,
    ...types,
    inFlight.length,
    ...inFlight,
  ];
}

/** @throws Error when it is not what `start` answers */
function parseStart(raw: unknown): StartReply {
  const reply = startReplySchema.parse(raw);
  if (reply[0] === 'old-session') return { word: 'old-session' };
  const started: StartedCommand[] = [];
  const waiting: WaitingEntry[] = [];
  const [, , items] = reply;
  for (let at = 0; at < items.length; at += 3) {
    const [line, type, payload] = [items[at], items[at + 1], items[at + 2]];
    if (typeof line !== 'string' || typeof type !== 'string' || typeof payload !== 'string')
      throw badItem(line);
    const word = line.slice(0, line.indexOf(' '));
    if (word === 'waiting') waiting.push(waitingOf(line));
    else if (word === 'run' || word === 'yours') started.push(startedOf(line, type, payload));
    else throw badItem(line);
  }
  return { word: 'ok', now: reply[1], started, waiting, paused: reply[3], more: reply[4] === 1 };
}

const startedLine = /^\S+ (\d+) (\d+|-) (retry|-) (\S+) ([^]*)$/;
const waitingLine = /^\S+ (\S+) ([^]*)$/;

function startedOf(line: string, type: string, payload: string): StartedCommand {
  const [, attempt, timeoutMs, onAgentLost, entry, id] = startedLine.exec(line) ?? [];
  if (entry === undefined || id === undefined) throw badItem(line);
  return {
    queue: homeOf(placeOf(entry)),
    entry,
    id,
    attempt: Number(attempt),
    type,
    payload,
    timeoutMs: timeoutMs === '-' ? undefined : Number(timeoutMs),
    onAgentLost: onAgentLost === 'retry' ? 'retry' : 'fail',
  };
}

function waitingOf(line: string): WaitingEntry {
  const [, entry, id] = waitingLine.exec(line) ?? [];
  if (entry === undefined || id === undefined) throw badItem(line);
  return { queue: placeOf(entry), entry, id };
}

/** The queue or lane of a ticket. */
const placeOf = (ticket: string) => ticket.slice(0, ticket.lastIndexOf('/'));

const badItem = (line: unknown) =>
  new Error(`start answered what it does not answer: ${String(line).slice(0, 200)}`);

/** How an attempt ended, as its agent reports it. */
export type Outcome =
  | { readonly status: 'COMPLETED'; /** JSON. */ readonly result: string }
  | {
      readonly status: 'FAILED';
      readonly code: CommandErrorCode;
      readonly message: string;
      readonly executed: Executed;
      /** JSON, when there is one beside the error. */
      readonly result?: string | undefined;
      readonly retryable: boolean;
      /** The least pause before another try. */
      readonly pauseMs: number;
    };

export interface Report {
  readonly id: string;
  readonly agentId: string;
  /** '' when the reporter has none. */
  readonly session: string;
  /** May be left out only while the command is RUNNING its first attempt. */
  readonly attempt: number | undefined;
  /**
   * The ticket of the delivery that the attempt had: `StartedCommand.ticket`, or `entry` where there is none. A report with the
   * ticket of another delivery is late. Not compared when it is left out, as by agents of earlier versions.
   */
  readonly ticket?: string | undefined;
  readonly outcome: Outcome;
}

const reportWordSchema = z.enum(['accepted', 'again', 'late', 'gone', 'broken']);
/** `accepted`: stored now; `again`: stored by an earlier call of the same report; `late`: refused and kept in the history. */
export type ReportWord = z.infer<typeof reportWordSchema>;
const reportReplySchema = z.tuple([z.number(), z.array(reportWordSchema)]);
const reportAndStartReplySchema = z.tuple([reportReplySchema, z.unknown()]);

/** RUNNING → COMPLETED, FAILED or PENDING. @returns a word per report, in order. */
export async function report(
  redis: Redis,
  keys: PartitionKeys,
  reports: readonly Report[],
): Promise<ReportWord[]> {
  return reportReplySchema.parse(await callScript(redis, 'report', keys.root, reportArgs(reports)))[1];
}

/**
 * In groups: what the reports of one session share is sent once, and of an outcome that is COMPLETED only what it has.
 * The order stays.
 */
function reportArgs(reports: readonly Report[]): (string | number)[] {
  const args: (string | number)[] = [0];
  let groups = 0;
  let count = 0;
  let before: Report | undefined;
  for (const one of reports) {
    if (!before || !isLikeReport(one, before)) {
      groups++;
      count =
        args.push(one.agentId, one.session, one.outcome.status === 'COMPLETED' ? 'done' : 'ended', 0) - 1;
    }
    before = one;
    args[count] = Number(args[count]) + 1;
    args.push(one.id, one.attempt ?? '', one.ticket ?? '', one.outcome.result ?? '');
    if (one.outcome.status === 'FAILED') args.push(...failureArgs(one.outcome));
  }
  args[0] = groups;
  return args;
}

const isLikeReport = (one: Report, other: Report): boolean =>
  one.agentId === other.agentId &&
  one.session === other.session &&
  one.outcome.status === other.outcome.status;

/**
 * Reports, then starts what now fits, as one step.
 *
 * @returns a word per report, in order, and what was started: undefined when only that failed. The next
 *   start meets the reason; the reports are not to be sent again for it.
 */
export async function reportAndStart(
  redis: Redis,
  keys: PartitionKeys,
  reports: readonly Report[],
  options: StartOptions,
): Promise<{ words: ReportWord[]; started: StartReply | undefined }> {
  const args = [...reportArgs(reports), ...startArgs(options)];
  const reply = await callScript(redis, 'report_and_start', keys.root, args);
  const [[, words], started] = reportAndStartReplySchema.parse(reply);
  return {
    words,
    started: Array.isArray(started) && started[0] === 'failed' ? undefined : parseStart(started),
  };
}

function failureArgs(outcome: Outcome & { readonly status: 'FAILED' }): (string | number)[] {
  const { code, message, executed, retryable, pauseMs } = outcome;
  const dice = Math.floor(Math.random() * 1_000_000);
  return ['FAILED', JSON.stringify({ code, message }), executed, retryable ? '1' : '', pauseMs, dice];
}

const sweepReplySchema = z.tuple([z.number(), z.number(), z.union([z.literal(0), z.literal(1)])]);

const promoteReplySchema = z.tuple([
  z.number(),
  z.number(),
  z.string().transform((ms) => (ms === '' ? undefined : Number(ms))),
]);

/**
 * Gives commands whose `runAt` has come their entry.
 *
 * @returns how many, and in how many ms the next one is due: undefined when there is none
 */
export async function promote(
  redis: Redis,
  keys: PartitionKeys,
  most: number,
): Promise<{ count: number; nextInMs: number | undefined }> {
  const reply = await callScript(redis, 'promote', keys.root, [most]);
  const [, count, nextInMs] = promoteReplySchema.parse(reply);
  return { count, nextInMs };
}

/** PENDING → FAILED for commands that were not started in time. @returns how many, and whether more are due. */
export async function expire(
  redis: Redis,
  keys: PartitionKeys,
  most: number,
): Promise<{ count: number; more: boolean }> {
  const [, count, more] = sweepReplySchema.parse(await callScript(redis, 'expire', keys.root, [most]));
  return { count, more: more === 1 };
}
