import { type Registered } from './agent-sessions.js';

/** A command that came, and the polls that were woken for it. */
export interface Wake {
  readonly id: string;
  readonly tried: Set<LongPoll>;
}

export interface LongPollOptions {
  readonly agentId: string;
  readonly session: string;
  /** Empty for a poll that can take nothing, and only waits for its time to be up. */
  readonly queues: readonly string[];
  /** Empty: all. */
  readonly types: readonly string[];
  /** undefined when the agent holds no name. */
  readonly registered?: Registered | undefined;
  /** How long ago its name was last renewed, when the poll began. */
  readonly silentMs?: number | undefined;
}

export interface WaitingPollEvents {
  /** Called when the poll may be woken again. */
  readonly onReady: () => void;
  readonly onLeave: () => void;
}

/** One poll that is held until there is a command for it. A poll is woken for one command at a time. */
export class LongPoll {
  readonly agentId: string;
  readonly session: string;
  readonly queues: readonly string[];
  readonly registered: Registered | undefined;
  /** The agent's last sign of life, by `performance.now()`. */
  heardOfAt: number;
  /** The number of hints that `LongPollRegistry` had received when it last woke this poll. */
  hintsWhenWoken = 0;
  readonly #types: ReadonlySet<string>;
  readonly #events: WaitingPollEvents;
  #wake: Wake | undefined;
  /** Whether this poll was woken and has not become ready again. */
  #isOut = false;
  #ended = false;
  #tell: () => void = () => undefined;

  constructor(options: LongPollOptions, events: WaitingPollEvents) {
    const { agentId, session, queues, types, registered, silentMs = 0 } = options;
    this.agentId = agentId;
    this.session = session;
    this.queues = queues;
    this.registered = registered;
    this.heardOfAt = performance.now() - silentMs;
    this.#types = new Set(types);
    this.#events = events;
  }

  /** @param type undefined when it is not known: then the agent may know it */
  knows(type: string | undefined): boolean {
    return type === undefined || this.#types.size === 0 || this.#types.has(type);
  }

  /** Wakes the poll for a command. It is not woken for another one before `ready` was called. */
  wake(wake: Wake): void {
    this.#isOut = true;
    this.#wake = wake;
    this.#tell();
  }

  /** Ends the poll: nothing more comes. */
  end(): void {
    this.#ended = true;
    this.#tell();
  }

  hasEnded(): boolean {
    return this.#ended;
  }

  /** Waits to be woken. @returns undefined when it ended, `gone` was aborted, or the time is up */
  async wait(ms: number, gone: AbortSignal): Promise<Wake | undefined> {
    if (!this.#wake && !this.#ended && !gone.aborted) {
      await new Promise<void>((told) => {
        const tell = () => {
          clearTimeout(timer);
          gone.removeEventListener('abort', tell);
          this.#tell = () => undefined;
          told();
        };
        const timer = setTimeout(tell, ms);
        gone.addEventListener('abort', tell);
        this.#tell = tell;
      });
    }
    return this.#ended || gone.aborted ? undefined : this.takeWake();
  }

  /** Takes the command that the poll was woken for and has not tried to start. The caller must try, or pass it on. */
  takeWake(): Wake | undefined {
    const wake = this.#wake;
    this.#wake = undefined;
    return wake;
  }

  /** The poll was given nothing and waits again. A call does nothing unless the poll was woken since the last one. */
  ready(): void {
    if (!this.#isOut || this.#wake) return;
    this.#isOut = false;
    this.#events.onReady();
  }

  /** Removes the poll. @returns the command that it was woken for and has not tried to start */
  leave(): Wake | undefined {
    this.#events.onLeave();
    return this.takeWake();
  }
}
