import { type z } from 'zod';
import { ServerUnavailableError } from '../../shared/client/errors.js';
import { type Credentials } from '../../shared/client/credentials.js';
import {
  tryEachServer,
  refusalOf,
  type ServerAnswer,
  ServerCalls,
} from '../../shared/client/server-calls.js';
import { type HeldAttempt, type RenewWord } from '../../shared/lifecycle/attempt-leases.js';
import { type ProgressWord, type ProgressUpdate } from '../../shared/lifecycle/progress.js';
import { type Resolved } from '../../shared/lifecycle/recovery.js';
import { type RegisterReply } from '../../shared/lifecycle/registration.js';
import { type Outcome, type Report, type ReportWord } from '../../shared/lifecycle/transitions.js';
import {
  drainingHeader,
  ticketHeader,
  type NextCommand,
  nextCommandSchema,
  progressToldSchema,
  registeredSchema,
  renewedSchema,
  type reportBodySchema,
  reportedSchema,
  settledSchema,
} from '../../shared/protocol/agent-api.js';
import { type ProblemBody } from '../../shared/protocol/api.js';
import { asSent } from '../../shared/protocol/as-sent.js';
import { limits } from '../../shared/protocol/commands.js';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { namesOf } from '../../shared/protocol/served-queues.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { after, now } from '../../shared/runtime/clock.js';
import { type AgentPoint, type Faults } from '../../shared/runtime/faults.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { pause } from '../../shared/runtime/service.js';
import { bodyOf, startedBy } from './http-bodies.js';
import { OutcomeRefused, reportEvenIfRefused } from './refused-outcomes.js';
import { type AgentIdentity } from '../../shared/protocol/agent-identity.js';
import { type AnnouncedType } from '../../shared/protocol/command-types.js';
import { type AgentDescription, type Demand, type NextReply, type Transport } from './transport.js';

export interface HttpTransportOptions {
  readonly serverUrls: readonly string[];
  readonly credentials?: Credentials | undefined;
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
  /** The pause after an empty poll whose answer was not held. */
  readonly pollIntervalMs: number;
  readonly logger: Logger;
  readonly faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>;
}

/** How long a poll is held: as long as a server holds one, since each costs it about a millisecond. */
const pollSeconds = limits.waitSeconds;
/**
 * A server keeps no connection open to report a cancel, so an agent asks: it renews what it has held for
 * this long, which costs nothing for idle agents and for short commands.
 */
const hearWithinMs = 500;
/** How long an ended poll may take to bring its last answer, before it is cut off. */
const lastAnswerMs = 1000;
const mostConnections = 8;
/** Fewer than there are connections: renewals need theirs. */
const reportsAtOnce = 6;

/** A ticket may come from a journal, which a disk or a hand may have changed: a header takes not every text. */
const isHeaderText = (text: string) => /^[\x21-\x7e]{1,1024}$/.test(text);
/** Most deliveries with lost answers that are released at a stop: far more than can be under way at once. */
const mostHandedBack = 100;

/**
 * An agent that reaches only servers: everything that it asks for, they do at Redis for it, settling and
 * recovery included.
 *
 * When no server answers, a call throws; connections come back by themselves.
 */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #calls: ServerCalls;
  readonly #session: string;
  /** A report is a request of its own, and a poll another one, which its server holds. */
  readonly startsWhenItReports = false;
  /** Polls in a row that were empty and not held. */
  #early = 0;
  #inFlight: () => readonly string[] = () => [];
  readonly renewAfterMs: number;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    const { serverUrls: urls, credentials, leaseMs } = options;
    this.#calls = new ServerCalls({
      urls,
      credentials,
      // A call that hangs must leave time for another one within the lease.
      tryMs: Math.max(250, Math.min(2000, Math.floor(leaseMs / 6))),
      connections: mostConnections,
      patience: tryEachServer(urls.length),
    });
    this.#session = options.agent.session;
    this.renewAfterMs = Math.min(leaseMs / 4, hearWithinMs);
  }

  register(): Promise<RegisterReply> {
    return this.#register(this.#options.description.types);
  }

  async announce(types: readonly AnnouncedType[]): Promise<readonly string[]> {
    return registeredSchema.parse(orRefuse(await this.#put(types))).differing;
  }

  /** @param earlier only where a server knows of it: those of earlier versions refuse what they do not know */
  #put(types: readonly (string | AnnouncedType)[], earlier?: readonly string[]): Promise<ServerAnswer> {
    const { weights, ...description } = this.#options.description;
    const queues = namesOf({ queues: description.queues, weights });
    const body = { ...description, queues, session: this.#session, types, earlier };
    return this.#calls.call({ method: 'PUT', path: this.#path(''), body });
  }

  async #register(types: readonly string[]): Promise<RegisterReply> {
    const answer = await this.#takeOver(types, await this.#put(types));
    if (answer.problem) return this.#refusal(answer.problem) ?? refuse(answer);
    const { at, leaseMs, draining } = registeredSchema.parse(orRefuse(answer));
    this.#compareLease(leaseMs);
    return { word: 'ok', now: Date.parse(at), draining };
  }

  /** Registers again with the earlier sessions when one of them, whose process is proved dead, holds the name. */
  async #takeOver(types: readonly string[], refused: ServerAnswer): Promise<ServerAnswer> {
    const { earlier } = this.#options.agent;
    const shown = refused.problem?.holder?.session;
    if (shown === undefined || !earlier.some((session) => shownAs(session) === shown)) return refused;
    const answer = await this.#put(types, earlier);
    // A server of an earlier version, behind the same address.
    return answer.status === 400 ? refused : answer;
  }

  /** Warns of a shorter lease at the servers: theirs counts, and an agent that renews by a longer one is late. */
  #compareLease(theirs: number): void {
    const { leaseMs, logger } = this.#options;
    if (theirs >= leaseMs) return;
    logger.warn({ leaseMs, theirs }, `LEASE_MS is ${theirs} at the servers: set it to that here as well`);
  }

  #refusal({ code, holder }: ProblemBody): Exclude<RegisterReply, { word: 'ok' }> | undefined {
    if (code === 'old_session') return { word: 'old-session' };
    if (code !== 'agent_name_taken' || !holder) return undefined;
    const { session = '', lastSeen } = holder;
    return { word: 'taken', holder: { ...holder, session, lastSeen: Date.parse(lastSeen) } };
  }

  async next(demand: () => Demand, signal: AbortSignal): Promise<NextReply> {
    const { faults, pollIntervalMs } = this.#options;
    faults.poll();
    this.#inFlight = () => demand().inFlight;
    const cut = new AbortController();
    const over = new AbortController();
    const stop = () => void this.#endPoll(cut, over.signal);
    signal.addEventListener('abort', stop, { once: true });
    const askedAt = now();
    try {
      const answer = await this.#poll(demand(), pollSeconds, cut.signal);
      const given = this.#commandIn(answer);
      if (given === 'old-session') return { word: given };
      // The lease began when the command was started, after the server had held the poll for `heldMs`.
      if (given) return { word: 'ok', started: [startedBy(given)], askedAt: after(askedAt, given.heldMs) };
      await this.#pauseIfEarly(answer, now().monotonicMs - askedAt.monotonicMs, pollIntervalMs, signal);
    } catch (error) {
      if (!cut.signal.aborted) throw error;
    } finally {
      over.abort();
      signal.removeEventListener('abort', stop);
    }
    return { word: 'ok', started: [], askedAt };
  }

  #poll({ limit, inFlight }: Demand, waitSeconds: number, signal?: AbortSignal): Promise<ServerAnswer> {
    const { agent, description, faults } = this.#options;
    const query = new URLSearchParams({
      agentId: agent.agentId,
      session: this.#session,
      concurrency: String(limit),
      holding: inFlight.join(','),
      wait: String(waitSeconds),
      queues: namesOf(description).join(','),
      types: description.types.join(','),
    });
    return this.#calls.call({
      method: 'GET',
      path: `commands/next?${query.toString()}`,
      waitMs: waitSeconds * 1000,
      ...(signal ? { signal, onSent: () => faults.at('start-sent') } : {}),
    });
  }

  /**
   * Lets the poll end by its server's answer: a connection that is cut may carry a command in flight,
   * which no agent would execute.
   */
  async #endPoll(cut: AbortController, over: AbortSignal): Promise<void> {
    await this.#poll({ limit: 0, inFlight: this.#inFlight() }, 0).catch(() => undefined);
    await pause(lastAnswerMs, over);
    cut.abort();
  }

  #commandIn(answer: ServerAnswer): NextCommand | 'old-session' | undefined {
    if (answer.status === 204) return undefined;
    // This session is over, also when another agent has the name now.
    if (answer.problem && this.#refusal(answer.problem)) return 'old-session';
    this.#early = 0;
    const body = orRefuse(answer);
    return asSent(nextCommandSchema.parse(body), body, ['payload']);
  }

  /** A server that stops ends its polls early: the next one is asked. More than that, and it would be a busy loop. */
  async #pauseIfEarly(
    { headers }: ServerAnswer,
    tookMs: number,
    pauseMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (tookMs > pollSeconds * 500) {
      this.#early = 0;
      return;
    }
    this.#early++;
    this.#calls.moveOn();
    const isDraining = headers[drainingHeader.toLowerCase()] !== undefined;
    if (isDraining || this.#early > 1) await pause(pauseMs * (0.8 + 0.4 * Math.random()), signal);
  }

  /** A few at a time: one that waits for a connection must not use up the time that it has for its answer. */
  async report(reports: readonly Report[]): Promise<ReportWord[]> {
    const words: ReportWord[] = [];
    const waiting = [...reports.entries()];
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [i, report] = next;
        words[i] = await reportEvenIfRefused(report, (one) => this.#report(one), this.#options.logger);
      }
    };
    await Promise.all(Array.from({ length: reportsAtOnce }, lane));
    return words;
  }

  /** @throws OutcomeRefused where a server does not take it */
  async #report({ id, ticket, outcome, ...who }: Report): Promise<ReportWord> {
    const answer = await this.#calls
      .call({
        method: 'PUT',
        path: `commands/${id}/result`,
        headers: ticket !== undefined && isHeaderText(ticket) ? { [ticketHeader]: ticket } : {},
        body: { ...who, ...bodyOfOutcome(outcome) } satisfies z.input<typeof reportBodySchema>,
        onSent: () => this.#options.faults.at('report-sent'),
      })
      .catch(brokenIfOwnFault);
    if (answer === 'broken') return answer;
    if (answer.status === 200) return reportedSchema.parse(answer.body).again ? 'again' : 'accepted';
    const word = answer.problem && wordOf[answer.problem.code];
    if (word) return word;
    // A server is stricter about what it takes than Redis is.
    if ([400, 413, 422].includes(answer.status))
      throw new OutcomeRefused(answer.problem?.detail ?? 'the server refused it');
    return refuse(answer);
  }

  async renew(held: readonly HeldAttempt[]): Promise<RenewWord[]> {
    const { agentId } = this.#options.agent;
    const attempts = held.map(({ id, attempt }) => ({ commandId: id, attempt }));
    const body = { agentId, session: this.#session, held: attempts };
    const answer = await this.#calls.call({ method: 'POST', path: 'commands/renew', body });
    const renewed = renewedSchema.parse(orRefuse(answer));
    const [lost, cancelled] = [keysOf(renewed.lost), keysOf(renewed.cancelled)];
    return held.map(({ id, attempt }) => {
      const key = `${id}:${attempt}`;
      return lost.has(key) ? 'lost' : cancelled.has(key) ? 'cancelled' : 'ok';
    });
  }

  async reportProgress(told: readonly ProgressUpdate[]): Promise<ProgressWord[]> {
    const { agentId } = this.#options.agent;
    const items = told.map(({ id, progress, ...one }) => ({
      commandId: id,
      ...one,
      progress: JSON.parse(progress) as unknown,
    }));
    const body = { agentId, session: this.#session, told: items };
    const answer = await this.#calls.call({ method: 'POST', path: 'commands/progress', body });
    const lost = keysOf(progressToldSchema.parse(orRefuse(answer)).lost);
    return told.map(({ id, attempt }) => (lost.has(`${id}:${attempt}`) ? 'lost' : 'ok'));
  }

  /** There is nothing to listen to: `renewAfterMs` is short. */
  hearCancels(): void {
    return undefined;
  }

  /** The server does it; one of an earlier version cannot, and then the lease decides. */
  async settle(): Promise<'old-session' | readonly Resolved[]> {
    const { earlier } = this.#options.agent;
    const answer = await this.#poll({ limit: 0, inFlight: [] }, 0);
    if (this.#commandIn(answer) === 'old-session') return 'old-session';
    if (earlier.length === 0) return [];
    const body = { session: this.#session, earlier };
    const reply = await this.#calls.call({ method: 'POST', path: this.#path('/settle'), body });
    if (reply.problem && this.#refusal(reply.problem)) return 'old-session';
    if (reply.status === 404 || reply.status === 405) return [];
    const { settled } = settledSchema.parse(orRefuse(reply));
    return settled.map(({ commandId: id, ...one }) => ({ id, ...one, queue: '', entry: '' }));
  }

  /** Nothing is delivered over HTTP without being started; but a last answer may have been lost. */
  async releaseUnstarted(): Promise<number> {
    const { agentId } = this.#options.agent;
    for (let count = 0; count < mostHandedBack; count++) {
      const lost = this.#commandIn(await this.#poll({ limit: 0, inFlight: this.#inFlight() }, 0));
      if (lost === undefined || lost === 'old-session') return count;
      const body = { agentId, session: this.#session, attempt: lost.attempt };
      await this.#calls.call({ method: 'POST', path: `commands/${lost.commandId}/release`, body });
    }
    return mostHandedBack;
  }

  /** The servers' work. */
  recover(): Promise<readonly Resolved[]> {
    return Promise.resolve([]);
  }

  async leave(): Promise<void> {
    orRefuse(await this.#calls.call({ method: 'DELETE', path: this.#path(`?session=${this.#session}`) }));
  }

  close(): void {
    void this.#calls.close();
  }

  #path(rest: string): string {
    return `agents/${this.#options.agent.agentId}${rest}`;
  }
}

const keysOf = (attempts: z.infer<typeof renewedSchema>['lost']) =>
  new Set(attempts.map(({ commandId, attempt }) => `${commandId}:${attempt}`));

const wordOf: Partial<Record<ProblemCode, ReportWord>> = {
  late_report: 'late',
  conflict: 'late',
  not_found: 'gone',
  redis_key_broken: 'broken',
};

/** @throws OutcomeRefused where its result is no JSON */
function bodyOfOutcome(outcome: Outcome) {
  try {
    return bodyOf(outcome);
  } catch (error) {
    throw new OutcomeRefused(`its result is not JSON (${String(error)})`);
  }
}

/** A server that fails at this one report, and works: it waits by itself, and the others go on. */
function brokenIfOwnFault(error: unknown): 'broken' {
  if (error instanceof ServerUnavailableError && error.problem?.code === 'internal_error') return 'broken';
  throw error;
}

/** @returns the body of an answer that is not an error @throws RequestRejectedError */
function orRefuse(answer: ServerAnswer): unknown {
  if (answer.status < 300) return answer.body;
  return refuse(answer);
}

function refuse(answer: ServerAnswer): never {
  throw refusalOf(answer);
}
