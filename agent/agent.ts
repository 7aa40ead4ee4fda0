import { type Outcome, sessionOf, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { type Logger } from '../shared/runtime/logger.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { Loop, pause, type Service } from '../shared/runtime/service.js';
import { type Transport } from '../shared/transport/transport.js';
import { announcementOf, type CommandRegistry } from './command-registry.js';
import { Fetcher } from './fetcher.js';
import { type Journal } from './journal.js';
import { Reporter } from './reporter.js';
import { Runner } from './runner.js';
import { Slots } from './slots.js';

export interface AgentOptions {
  readonly transport: Transport;
  readonly journal: Journal;
  readonly registry: CommandRegistry;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** This process can no longer do its work and must end. */
  readonly onFatal: (reason: string) => void;
  readonly logger: Logger;
}

/** The agent's name is held by another live process. The message names it. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}

/**
 * One session of an agent: register, report what the last session left, then fetch, execute and
 * report until it is stopped.
 *
 * When the process dies, Redis has what it had started and its journal what it had finished.
 */
export class Agent implements Service {
  readonly #options: AgentOptions;
  readonly #session: string;
  readonly #slots: Slots;
  readonly #runner: Runner;
  readonly #reporter: Reporter;
  readonly #fetcher: Fetcher;
  readonly #heartbeat: Loop;
  readonly #running = new Set<Promise<void>>();
  readonly #aborts = new Set<AbortController>();
  readonly #ending = new AbortController();
  #stopped: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    const { transport, journal, registry, concurrency, leaseMs, graceMs, logger } = options;
    this.#options = options;
    this.#session = sessionOf(journal.identity);
    this.#slots = new Slots(concurrency);
    this.#runner = new Runner({
      registry,
      graceMs,
      logger,
      onStuck: (command, outcome) => this.#stuck(command, outcome),
    });
    this.#reporter = new Reporter({ transport, journal, logger });
    this.#fetcher = new Fetcher({
      transport,
      demand: () => this.#slots.demand(),
      freeSlot: (signal) => this.#slots.free(signal),
      onStarted: (command) => void this.#execute(command),
      onOldSession: () => options.onFatal('a newer session of this agent was registered'),
      logger,
    });
    this.#heartbeat = new Loop({
      name: 'heartbeat',
      intervalMs: leaseMs / 3,
      logger,
      tick: () => this.#beat(),
    });
  }

  /** Resolves when the agent is registered and fetches. @throws NameTaken */
  async start(): Promise<void> {
    const { transport, journal, registry, logger } = this.#options;
    await this.#register();
    await transport.announce(announcementOf(registry));
    const unanswered = await journal.unanswered();
    if (unanswered.length > 0)
      logger.info({ outcomes: unanswered.length }, 'reporting what the last session left');
    unanswered.forEach((report) => this.#reporter.add(report));
    await this.#heartbeat.start();
    await this.#fetcher.start();
  }

  /** Fetches nothing more, finishes what runs within the grace period, and gives its name back. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { transport, journal, graceMs, logger } = this.#options;
    const { executing } = this.#slots;
    logger.info({ executing }, 'stopping: nothing more is fetched');
    const over = new AbortController();
    const grace = pause(graceMs, over.signal);
    await Promise.race([this.#finish(), grace]);
    over.abort();
    if (this.#slots.executing > 0) {
      logger.warn(
        { executing: this.#slots.executing },
        'the grace period is over; what still runs ends with this process',
      );
    }
    this.#ending.abort();
    for (const abort of this.#aborts) abort.abort(new Error('the agent is stopping'));
    await this.#heartbeat.stop();
    await this.#reporter.stop();
    await Promise.race([transport.leave().catch(() => undefined), pause(1000)]);
    transport.close();
    await journal.close();
  }

  async #finish(): Promise<void> {
    await this.#fetcher.stop();
    await this.#idle();
    await this.#reporter.drained();
  }

  /** Resolves when no handler runs. */
  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #register(): Promise<void> {
    const { transport, leaseMs, logger } = this.#options;
    let seenAlive = 0;
    for (let tries = 1; ; tries++) {
      const reply = await transport.register().catch((error: unknown) => {
        if (tries === 1) logger.warn({ err: error }, 'Redis does not answer; trying again');
        return undefined;
      });
      if (reply?.word === 'ok') return;
      if (reply?.word === 'old-session') throw new NameTaken('a newer session of this agent is registered');
      if (!reply) {
        await pause(backoffMs(tries, { firstMs: 100, maxMs: 1000 }), this.#ending.signal);
        continue;
      }
      const { host, pid, lastSeen, leaseLeftMs } = reply.holder;
      const who = `pid ${pid} on ${host}, last heard of at ${new Date(lastSeen).toISOString()}`;
      // One that was heard of twice is alive. One that was not may be gone: its lease decides.
      if (seenAlive !== 0 && lastSeen > seenAlive)
        throw new NameTaken(`another agent holds this name: ${who}`);
      seenAlive = lastSeen;
      logger.warn(
        `this name is held by ${who}; waiting up to ${Math.ceil(leaseLeftMs / 1000)} s to see whether it is gone`,
      );
      await pause(Math.min(leaseLeftMs, leaseMs) + 50, this.#ending.signal);
    }
  }

  async #beat(): Promise<void> {
    const reply = await this.#options.transport.register();
    if (reply.word !== 'ok') this.#options.onFatal(`this agent's name was taken over (${reply.word})`);
  }

  async #execute(command: StartedCommand): Promise<void> {
    const { logger } = this.#options;
    const about = { commandId: command.id, attempt: command.attempt, type: command.type };
    if (!this.#slots.take(command)) return;
    logger.info(about, 'started');
    const abort = new AbortController();
    this.#aborts.add(abort);
    const running = this.#runner.run(command, abort).then((outcome) => {
      this.#slots.executed(command);
      // A process that ends leaves the command to the rule for a lost agent: what its handler said
      // after that is not an outcome.
      if (this.#ending.signal.aborted) return;
      this.#reporter.add(this.#reportOf(command, outcome), () => this.#slots.release(command));
    });
    this.#running.add(running);
    await running;
    this.#running.delete(running);
    this.#aborts.delete(abort);
  }

  #reportOf(command: StartedCommand, outcome: Outcome) {
    const { agentId } = this.#options.journal.identity;
    return { id: command.id, agentId, session: this.#session, attempt: command.attempt, outcome };
  }

  #stuck(command: StartedCommand, outcome: Outcome): void {
    const { journal, logger, onFatal } = this.#options;
    logger.error(
      { commandId: command.id, attempt: command.attempt },
      'the handler is deaf to its signal; this process ends',
    );
    void journal.keep([this.#reportOf(command, outcome)]).finally(() => onFatal('a handler did not end'));
  }
}
