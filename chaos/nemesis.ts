import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type Actor } from './actor.js';
import { Dice } from './dice.js';
import { delayRequest, loseReply } from './faults/calls.js';
import { doubleEntry } from './faults/entries.js';
import { cutLink, halfOpenLink, heal, sliceLink, slowLink } from './faults/links.js';
import { pauseQueue } from './faults/pauses.js';
import {
  freezeAgent,
  freezeServer,
  killAgent,
  killServer,
  lookAfterEnded,
  lookAfterFrozen,
  stopAgent,
} from './faults/processes.js';
import { freezeRedis, killLoadingRedis, killRedis, killRewritingRedis } from './faults/redis.js';
import { type Scene, type Strike } from './faults/strike.js';
import { type Arm, type PlannedFault, type PlannedKind, type Schedule } from './schedule.js';

const strikes: Readonly<Record<PlannedKind, Strike>> = {
  'agent killed': killAgent,
  'agent stopped': stopAgent,
  'agent frozen': freezeAgent,
  'server killed': killServer,
  'server frozen': freezeServer,
  'Redis killed': killRedis,
  'Redis killed while loading': killLoadingRedis,
  'Redis killed while rewriting': killRewritingRedis,
  'Redis frozen': freezeRedis,
  'link down': cutLink,
  'link half open': halfOpenLink,
  'link slow': slowLink,
  'link fragmented': sliceLink,
  'reply lost': loseReply,
  'request late': delayRequest,
  'entry duplicated': doubleEntry,
  'queue paused': pauseQueue,
};

/** The number of concurrent faults; further ones wait until one of them is over. */
const mostAtOnce = 8;
/** How often armed processes are polled: the kernel does not notify the harness that one has stopped itself. */
const lookMs = 25;

export interface NemesisOptions {
  readonly scene: Omit<Scene, 'over' | 'takenLines' | 'pausedQueues'>;
  readonly schedule: Schedule;
  readonly seed: number;
}

/** Carries out the schedule of a round: each fault when its event has come. */
export class Nemesis {
  /** Errors of the harness, and processes that ended by themselves. */
  readonly troubles: string[] = [];
  readonly #scene: Scene;
  readonly #schedule: Schedule;
  readonly #dice: Dice;
  readonly #over = new AbortController();
  readonly #atWork = new Set<Promise<void>>();
  #next: PlannedFault | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ scene, schedule, seed }: NemesisOptions) {
    // Every active fault waits for this signal.
    setMaxListeners(0, this.#over.signal);
    this.#scene = { ...scene, over: this.#over.signal, takenLines: new Set(), pausedQueues: new Set() };
    this.#schedule = schedule;
    this.#dice = new Dice(seed, 'points');
    this.#next = schedule.next();
  }

  start(): void {
    this.#timer = setInterval(() => void this.#lookAtArmed(), lookMs);
  }

  /** Injects the faults that are due once so many commands have ended. */
  event(ended: number): void {
    while (!this.#over.signal.aborted && this.#next && this.#next.event <= ended) {
      if (this.#atWork.size >= mostAtOnce) return;
      const fault = this.#next;
      this.#next = this.#schedule.next();
      this.#work(fault.kind, strikes[fault.kind](this.#scene, fault));
    }
  }

  /** Handles a process that ended without having been killed by the harness. */
  ended(actor: Actor, arm: Arm | null): void {
    const looking = lookAfterEnded(this.#scene, actor, arm, this.#dice);
    this.#work(
      actor.name,
      looking.then((trouble) => void (trouble !== null && this.troubles.push(trouble))),
    );
  }

  /**
   * Injects nothing more, and resolves when everything is whole again. A process that is still armed may
   * die or freeze after that: it is looked after at once, until `close`.
   */
  async stop(): Promise<void> {
    this.#over.abort();
    while (this.#atWork.size > 0) await Promise.all(this.#atWork);
    for (const { line } of this.#scene.arena.lines) heal(line, this.#scene);
  }

  /** Stops looking after processes. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.stop();
  }

  #work(what: string, work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.troubles.push(`${what}: ${text}`);
      })
      .finally(() => {
        this.#atWork.delete(done);
        this.event(this.#scene.watch.ended);
      });
    this.#atWork.add(done);
  }

  async #lookAtArmed(): Promise<void> {
    for (const actor of this.#scene.arena.actors) {
      const { arm } = actor;
      if (actor.taken || arm?.flag !== 'freeze-at' || !actor.running) continue;
      const stat = await readFile(`/proc/${actor.process.pid}/stat`, 'utf8').catch(() => '');
      const isFrozen = stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
      // Checked again, since another fault may have taken the process meanwhile.
      if (isFrozen && !isTaken(actor)) {
        this.#work(actor.name, lookAfterFrozen(this.#scene, actor, arm, this.#dice));
      }
    }
  }
}

const isTaken = ({ taken }: Actor) => taken;
