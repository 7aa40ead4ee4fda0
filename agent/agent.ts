import { type HeldAttempt } from '../shared/lifecycle/attempt-leases.js';
import { type Outcome, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { elapsedMs, type Moment, now } from '../shared/runtime/clock.js';
import { type AgentFaults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { isAborted, pause, type Service } from '../shared/runtime/service.js';
import { type Transport, type Turn } from './transport/transport.js';
import { AgentStopped, AttemptLost, CommandCancelled } from './abort-reasons.js';
import { Announcer } from './announcer.js';
import { announcementOf, type CommandRegistry } from './command-registry.js';
import { Executions } from './executions.js';
import { Fetcher } from './fetcher.js';
import { type LazyAbortSignal } from './lazy-abort-signal.js';
import { type Journal } from './journal.js';
import { adviceFor } from './journal-store.js';
import { type LeaseRenewer } from './lease-renewer.js';
import { registerAgent } from './agent-registration.js';
import { ProgressReporter } from './progress-reporter.js';
import { Reporter } from './reporter.js';
import { Runner } from './runner.js';
import { Slots } from './slots.js';

export interface AgentOptions {
  readonly transport: Transport;
  readonly journal: Journal;
  readonly registry: CommandRegistry;
  readonly leaseRenewer: Pick<LeaseRenewer, 'start' | 'stop' | 'track' | 'drop' | 'flush'>;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** Between two tries to fetch, while Fencepost is away. */
  readonly longestPauseMs?: number | undefined;
  readonly faults: AgentFaults;
  /** This process can no longer do its work and must end. */
  readonly onFatal: (reason: string) => void;
  readonly logger: Logger;
}

/**
 * One session of an agent: register, settle what the last session left, then fetch, execute and
 * report until it is stopped.
 *
 * When the process dies, Redis has what it had started and its journal what it had finished; the
 * next session settles both.
 */
export class Agent implements Service {
  readonly #options: AgentOptions;
  readonly #slots: Slots;
  readonly #runner: Runner;
  readonly #reporter: Reporter;
  readonly #fetcher: Fetcher;
  readonly #announcer: Announcer;
  readonly #progress: ProgressReporter;
  readonly #executions = new Executions();
  readonly #ending = new AbortController();
  #stopped: Promise<void> | undefined;
  #draining = false;
  #isUnwritable = false;
  /** Whether the previous session is settled; before that, this one has fetched nothing. */
  #hasSettled = false;
  #nextTurn: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    const { transport, journal, registry, concurrency, leaseMs, graceMs, faults, logger } = options;
    this.#options = options;
    this.#slots = new Slots(concurrency, { leavesToReports: transport.startsWhenItReports });
    this.#progress = new ProgressReporter({ transport, logger });
    this.#runner = new Runner({
      registry,
      graceMs,
      onStuck: (command, outcome) => this.#stuck(command, outcome),
      onProgress: (command, progress) => this.#progress.note(command, progress),
      logger,
    });
    this.#reporter = new Reporter({
      transport,
      outcomes: journal.outcomes,
      turn: (reports) => this.#turnAfter(reports),
      isLast: () => this.#slots.executing === 0,
      onUnwritable: (error) => this.#cannotKeep(error),
      faults,
      logger,
    });
    journal.outcomes.onFailure((error) => this.#cannotKeep(error));
    const types = announcementOf(registry);
    this.#announcer = new Announcer({ transport, types, intervalMs: leaseMs, logger });
    this.#fetcher = new Fetcher({
      transport,
      demand: () => this.#slots.demand(),
      freeSlot: (signal) => this.#slots.free(signal),
      onStarted: (command, askedAt) => this.#take(command, askedAt),
      longestPauseMs: options.longestPauseMs,
      onOldSession: () => this.#oldSession(),
      logger,
    });
  }

  /** Resolves when the agent is registered, has settled its previous session, and fetches. @throws AgentIdTakenError */
  async start(): Promise<void> {
    const { transport, leaseRenewer, leaseMs, logger } = this.#options;
    const { signal } = this.#ending;
    await registerAgent({ transport, leaseMs, signal, logger });
    // Stopped meanwhile: the stop has already run, and would not end what is started from here on.
    if (isAborted(signal)) return;
    // The lease renewer starts before the settling, so that a long one costs neither the name nor the pulse of recovery.
    await leaseRenewer.start();
    if (isAborted(signal)) return;
    await this.#announcer.start();
    if (isAborted(signal)) return;
    await this.#settle();
    // A stop that waits for what was begun has ended the fetcher, and does not do so again.
    if (!this.#stopped && !this.#draining) await this.#fetcher.start();
  }

  /** Fetches nothing more, finishes what it has, and stays. */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const { logger } = this.#options;
    logger.info('draining: nothing more is fetched until this agent is started again');
    await this.#fetcher.stop();
    await this.#releaseUnstarted().catch((error: unknown) => {
      logger.warn({ err: error }, 'could not release unstarted commands; that is left to the stop');
    });
  }

  /** Settles the previous session: reports its outcomes first, then, once each was answered, resolves the rest. */
  async #settle(): Promise<void> {
    const { transport, journal, logger } = this.#options;
    const unanswered = journal.outcomes.unanswered();
    if (unanswered.length > 0)
      logger.info({ outcomes: unanswered.length }, 'reporting what the last session left');
    this.#reporter.addAll(unanswered);
    await this.#reporter.drained();
    const settled = await this.#insist('settling', () => transport.settle());
    if (settled === 'old-session') return this.#oldSession();
    this.#hasSettled = settled !== undefined;
    // If this write fails, the next run settles it again, and finds nothing.
    if (settled) await journal.settled().catch(() => undefined);
    for (const { word, id, ...about } of settled ?? []) {
      logger.warn({ commandId: id, ...about, outcome: word }, 'resolved command of a previous session');
    }
  }

  /** Calls until there is an answer, or this agent ends: undefined. */
  async #insist<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    for (let tries = 1; !this.#ending.signal.aborted; tries++) {
      try {
        return await call();
      } catch (error) {
        if (tries === 1) this.#options.logger.warn({ err: error }, `${what} failed; retrying`);
        await pause(backoffMs(tries, { firstMs: 20, maxMs: 500 }), this.#ending.signal);
      }
    }
    return undefined;
  }

  /** Fetches nothing more, finishes what runs within the grace period, aborts the rest, reports, and deregisters. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { transport, journal, leaseRenewer, graceMs, logger } = this.#options;
    logger.info({ executing: this.#slots.executing }, 'stopping: nothing more is fetched');
    await atMost(graceMs, this.#finish());
    const { executing } = this.#slots;
    if (executing > 0) {
      logger.warn({ executing }, 'the grace period is over; what still runs is aborted');
      // A handler that listens to its signal settles now, and its outcome has what is known: it was begun, and stopped.
      this.#executions.abortAll(new AgentStopped(graceMs));
      await atMost(lastWordsMs, this.#finish());
    }
    this.#ending.abort();
    await this.#reporter.stop();
    // Both end before the agent deregisters: each call of theirs takes the name again, for a lease.
    const silent = Promise.all([leaseRenewer.stop(), this.#announcer.stop()]);
    await atMost(1000, silent);
    await atMost(1000, this.#part());
    // Ends what the announcer may still wait for.
    transport.close();
    await silent;
    await journal.close();
  }

  async #finish(): Promise<void> {
    await this.#fetcher.stop();
    // Again: a call that was under way when the fetcher stopped may have started more.
    do {
      await this.#executions.idle();
      await this.#reporter.drained();
    } while (this.#slots.held > 0 && !this.#ending.signal.aborted);
  }

  /** Returns what the call that reports these may start as well; undefined unless this agent fetches. */
  #turnAfter(reports: readonly HeldAttempt[]): Turn | undefined {
    if (!this.#fetcher.isFetching) return undefined;
    return {
      demand: () => this.#slots.demandAfter(reports),
      onAnswer: (reply) => {
        if (reply.word === 'old-session') return this.#oldSession();
        for (const command of reply.started) this.#take(command, reply.askedAt);
      },
    };
  }

  /** Requests an orderly stop: what has finished until then is still reported, and journalled if it can be. */
  #cannotKeep(error: unknown): void {
    if (this.#isUnwritable) return;
    this.#isUnwritable = true;
    const why = error instanceof Error ? error.message : String(error);
    const advice = adviceFor(why) ?? 'look at its disk, and start it again';
    this.#options.onFatal(`outcomes cannot be kept in its journal (${why}): ${advice}`);
  }

  #oldSession(): void {
    this.#options.onFatal('a newer session of this agent was registered');
  }

  /** Best effort: whatever fails here is left to the lease. */
  async #part(): Promise<void> {
    try {
      await this.#releaseUnstarted();
      await this.#options.transport.leave();
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'failed to deregister');
    }
  }

  /**
   * Releases what was delivered and not started. Does nothing before the previous session is settled: there is
   * nothing to release then, and the release begins with a poll, at which a server would settle as lost what the
   * journal still has an outcome of.
   */
  async #releaseUnstarted(): Promise<void> {
    const { transport, logger } = this.#options;
    if (!this.#hasSettled) return;
    const handedBack = await transport.releaseUnstarted();
    if (handedBack > 0) logger.info({ released: handedBack }, 'released unstarted commands');
  }

  #take(command: StartedCommand, askedAt: Moment): void {
    if (!this.#slots.take(command)) return;
    const { leaseRenewer, faults } = this.#options;
    faults.at('start-won');
    // An attempt whose reply is old by now is kept from its renewal on, or it would be given up for the reply's age.
    if (this.#isFresh(askedAt)) leaseRenewer.track(command, askedAt);
    this.#executions.add(command, (abort) => this.#execute(command, askedAt, abort));
  }

  async #execute(command: StartedCommand, askedAt: Moment, abort: LazyAbortSignal): Promise<void> {
    const { faults, logger } = this.#options;
    const about = { commandId: command.id, attempt: command.attempt, type: command.type };
    await this.#callsSent();
    // The process ends before the handler began: that, too, is left to the lost-agent policy.
    if (isAborted(this.#ending.signal)) return;
    if (!this.#isFresh(askedAt) && !(await this.#isStillMine(command, abort))) {
      logger.warn(about, 'not executed: by the time its answer was read, the attempt was no longer current');
      return this.#letGo(command);
    }
    if (logger.isLevelEnabled('info')) logger.info(about, 'started');
    const running = this.#runner.run(command, abort);
    faults.soonAt('mid-execution');
    const outcome = await running;
    faults.at('executed');
    this.#progress.end(command);
    this.#slots.executed(command);
    // A process that ends leaves the command to the lost-agent policy: what its handler returns or throws
    // after that is not an outcome.
    if (!this.#ending.signal.aborted)
      this.#reporter.add(this.#reportOf(command, outcome), () => this.#letGo(command));
  }

  #isFresh(askedAt: Moment): boolean {
    return elapsedMs(askedAt) < this.#options.leaseMs / 2;
  }

  /**
   * Waits for the current event-loop tick to end, so that the calls that a reply causes are sent before handlers run:
   * Redis works while the handlers do, and the lease renewer knows what is held. At concurrency 1 there is only the reply
   * itself to process, which is done in its microtasks: the tick is not waited for.
   */
  #callsSent(): Promise<void> {
    this.#nextTurn ??= new Promise((resolve) => {
      const end = () => {
        this.#nextTurn = undefined;
        this.#options.leaseRenewer.flush();
        resolve();
      };
      if (this.#options.concurrency === 1) process.nextTick(end);
      else setImmediate(end);
    });
    return this.#nextTurn;
  }

  /**
   * Renews an attempt whose reply is old, as after a suspension of this process, to learn before its execution
   * whether it is still this session's.
   */
  async #isStillMine(command: StartedCommand, abort: LazyAbortSignal): Promise<boolean> {
    for (;;) {
      let sentAt = now();
      const words = await this.#insist('renewing', () => {
        sentAt = now();
        return this.#options.transport.renew([command]);
      });
      const word = words?.[0];
      if (word === 'cancelled') abort.abort(new CommandCancelled());
      const isMine = word === 'ok' || word === 'cancelled';
      if (isMine) {
        this.#options.leaseRenewer.track(command, sentAt);
        this.#options.leaseRenewer.flush();
      }
      if (word !== 'broken') return isMine;
      // A key of the command holds something else: whether the attempt is mine shows once that is removed.
      await pause(1000, this.#ending.signal);
    }
  }

  #letGo(command: StartedCommand): void {
    this.#options.leaseRenewer.drop(command);
    const postponed = this.#slots.release(command);
    // The reply that gave it is old: its ownership is checked before it is executed. An agent that stops begins
    // nothing.
    if (postponed && this.#stopped === undefined) this.#take(postponed, neverAsked);
  }

  /** Aborts an attempt that is no longer this session's: its handler must stop. */
  lose(attempt: HeldAttempt, why: string): void {
    const { logger } = this.#options;
    if (this.#executions.abort(attempt, new AttemptLost(why))) {
      logger.warn({ commandId: attempt.id, attempt: attempt.attempt, why }, 'aborted');
    }
  }

  /** Aborts an attempt that a client or an operator cancelled. This session keeps it, and reports how it ended. */
  cancel(attempt: HeldAttempt): void {
    if (this.#executions.abort(attempt, new CommandCancelled())) {
      const { id: commandId, attempt: number } = attempt;
      this.#options.logger.info({ commandId, attempt: number }, 'cancelled: its signal is aborted');
    }
  }

  #reportOf(command: StartedCommand, outcome: Outcome) {
    const { agentId, session } = this.#options.journal.identity;
    const { id, attempt, entry, ticket = entry } = command;
    return { id, agentId, session, attempt, ticket, outcome };
  }

  #stuck(command: StartedCommand, outcome: Outcome): void {
    const { journal, logger, onFatal } = this.#options;
    logger.error(
      { commandId: command.id, attempt: command.attempt },
      'the handler ignored its abort signal for graceMs; exiting',
    );
    try {
      journal.outcomes.keep([this.#reportOf(command, outcome)]);
    } catch (error) {
      logger.error({ err: error }, 'its outcome cannot be kept');
    }
    onFatal('a handler did not end');
  }
}

/** Older than any lease. */
const neverAsked: Moment = { monotonicMs: 0, wallMs: 0 };

/** How long handlers that a stop has aborted may take to settle, and their reports to be answered. */
const lastWordsMs = 1000;

/** Resolves when the work is done, or when so much time has passed. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, pause(ms, over.signal)]);
  over.abort();
}
