import {
  type AgentTransport,
  type Deployment,
  type ServerProcess,
  untilReady,
} from '../testing/deployment.js';
import { type TestProcess } from '../testing/processes.js';
import { join } from 'node:path';
import { type Line } from './lines.js';
import { type Arm, flagOf, type Schedule } from './schedule.js';

/** Callbacks for what a process does on its own, without a fault injected from outside. */
export interface ActorEvents {
  onEnded(actor: Actor, arm: Arm | null): void;
}

interface ActorOptions {
  readonly name: string;
  readonly deployment: Deployment;
  readonly schedule: Schedule;
  readonly env: Readonly<Record<string, string>>;
  readonly lines: readonly Line[];
  readonly events: ActorEvents;
}

/** A server or an agent of a round, over all its processes: it is killed and started again. */
export abstract class Actor {
  readonly name: string;
  readonly lines: readonly Line[];
  /** Whether a fault of the whole process is active on it: then no other may be. */
  taken = false;
  /** How the current process was armed at its start; null: not at all. */
  arm: Arm | null = null;
  /**
   * How often in a row it was refused its name since it came back without its data; null: it has had its
   * name since, or lost nothing.
   */
  refusals: number | null = null;
  protected readonly options: ActorOptions;
  protected starts = 0;
  #process: TestProcess | undefined;
  #ready: Promise<void> = Promise.resolve();

  constructor(options: ActorOptions) {
    this.options = options;
    this.name = options.name;
    this.lines = options.lines;
  }

  get process(): TestProcess {
    if (!this.#process) throw new Error(`${this.name} was never started`);
    return this.#process;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Resolves when the process does its work, or at once if it has ended since, for example at its armed point. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** @param armed whether the schedule may arm the process to die or freeze at a point */
  async start({ armed = true } = {}): Promise<void> {
    this.starts++;
    this.arm = armed ? this.draw() : null;
    const process = await this.launch(this.arm ? [flagOf(this.arm)] : []);
    this.#process = process;
    this.#ready = untilReady(process).then(
      () => void (this.refusals = null),
      () => undefined,
    );
    void process.exited.then(() => {
      // A fault that took the process killed it, and handles its end.
      if (this.#process === process && !this.taken) this.options.events.onEnded(this, this.arm);
    });
  }

  /** Releases the process after a fault; if it died meanwhile, its end is handled now. */
  release(): void {
    this.taken = false;
    if (!this.running) this.options.events.onEnded(this, this.arm);
  }

  /** How the process calls itself in Redis, or where it listens. */
  abstract readonly identity: string;
  protected abstract draw(): Arm | null;
  protected abstract launch(args: readonly string[]): Promise<TestProcess>;
}

export class AgentActor extends Actor {
  readonly transport: AgentTransport;
  /** Incremented when the agent is gone for good and another takes its place, with another data directory. */
  #generation = 1;
  #directories = 1;

  constructor(transport: AgentTransport, options: ActorOptions) {
    super(options);
    this.transport = transport;
  }

  get identity(): string {
    return `${this.name}.${this.#generation}`;
  }

  /** All identities that the agent has had so far. */
  get identities(): readonly string[] {
    return Array.from({ length: this.#generation }, (_, i) => `${this.name}.${i + 1}`);
  }

  replace(): void {
    this.#generation++;
    this.#directories++;
    this.refusals = null;
  }

  /** The next process keeps the name and nothing else, like a container without a volume. */
  loseData(): void {
    this.#directories++;
    this.refusals ??= 0;
  }

  protected draw(): Arm | null {
    return this.options.schedule.armAgent(this.name, this.starts, this.transport);
  }

  protected launch(args: readonly string[]): Promise<TestProcess> {
    const { deployment, env } = this.options;
    const own = {
      AGENT_ID: this.identity,
      DATA_DIR: join(deployment.dataDir, `${this.name}-${this.#directories}`),
    };
    return deployment.startAgent({
      args,
      env: { ...env, ...own },
      transport: this.transport,
      dontWait: true,
    });
  }
}

export class ServerActor extends Actor {
  readonly port: number;
  /** Requests that clients have in flight here: keys of submissions, ids of commands that are read. */
  readonly requests = new Set<{ readonly about: readonly string[] }>();

  constructor(port: number, options: ActorOptions) {
    super(options);
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get identity(): string {
    return this.url;
  }

  readonly #broken: { readonly about: readonly string[]; readonly atMs: number }[] = [];

  get underWay(): string[] {
    return [...this.requests].flatMap(({ about }) => about);
  }

  /** Requests that were in flight when the server died on its own: clients notice as soon as the harness does. */
  get brokenJustNow(): string[] {
    const since = performance.now() - 500;
    return this.#broken.filter(({ atMs }) => atMs >= since).flatMap(({ about }) => about);
  }

  /** Records a client's request to this server that got no answer. */
  noteBroken(about: readonly string[]): void {
    this.#broken.push({ about, atMs: performance.now() });
    if (this.#broken.length > 200) this.#broken.splice(0, 100);
  }

  protected draw(): Arm | null {
    return this.options.schedule.armServer(this.name, this.starts);
  }

  protected async launch(args: readonly string[]): Promise<TestProcess> {
    const { deployment, env } = this.options;
    const server: ServerProcess = await deployment.startServer({
      args,
      env,
      port: this.port,
      dontWait: true,
    });
    return server.process;
  }
}
