import { type AgentPoint, agentPoints, type ServerPoint, serverPoints } from '../shared/runtime/faults.js';
import { Dice } from './dice.js';
import { type Mix } from './mix.js';
import { type ProcessFaultKind } from './record.js';

/** The point at which a process is armed, at its start, to kill or freeze itself. */
export type Arm =
  | { readonly flag: 'crash-at'; readonly point: AgentPoint | ServerPoint; readonly arrival: number }
  | { readonly flag: 'freeze-at'; readonly point: AgentPoint; readonly arrival: number };

/** Faults at points are not planned by events: they come with the start of a process. */
export const pointKinds = [
  'agent killed at a point',
  'agent frozen at a point',
  'server killed at a point',
] as const;
export type PlannedKind = Exclude<ProcessFaultKind, (typeof pointKinds)[number]>;

export interface PlannedFault {
  /** 1, 2, 3 … in this round. */
  readonly number: number;
  /** Due when so many commands of the round have ended. */
  readonly event: number;
  readonly kind: PlannedKind;
  /** For everything else about it: target, length, call. */
  readonly dice: Dice;
}

/** Endings between two planned faults, on average. */
export const endingsPerFault = 10;
/** Before the first one, so that there is something to hit. */
const quietEndings = 20;

/** The one point at which only an agent's disk knows what happened. */
const journalledWeight = 3;

/**
 * Derives from a seed which fault comes at which event, and how each process is armed at each of its starts. A
 * schedule knows no clock and no process: the same seed and mix give the same schedule anywhere.
 */
export class Schedule {
  readonly #seed: number;
  readonly #mix: Mix;
  readonly #planned: readonly (readonly [PlannedKind, number])[];
  readonly #dice: Dice;
  #number = 0;
  #event = quietEndings;

  constructor(seed: number, mix: Mix) {
    this.#seed = seed;
    this.#mix = mix;
    this.#planned = Object.entries(mix).filter((entry): entry is [PlannedKind, number] =>
      isPlanned(entry[0] as ProcessFaultKind),
    );
    this.#dice = new Dice(seed, 'faults');
  }

  /** The next planned fault; undefined when the mix has none but those at points. */
  next(): PlannedFault | undefined {
    if (this.#planned.every(([, weight]) => weight === 0)) return undefined;
    this.#number++;
    this.#event += this.#dice.between(1, 2 * endingsPerFault - 1);
    const kind = this.#dice.weighed(this.#planned);
    return {
      number: this.#number,
      event: this.#event,
      kind,
      dice: new Dice(this.#seed, 'fault', this.#number),
    };
  }

  /** How an agent's n-th start is armed; null: not at all. An agent over HTTP reads no entries. */
  armAgent(name: string, start: number, transport: 'redis' | 'http'): Arm | null {
    const dice = new Dice(this.#seed, name, start);
    const points = agentPoints.filter((point) => transport === 'redis' || point !== 'entry-read');
    const kill = this.#mix['agent killed at a point'];
    const freeze = this.#mix['agent frozen at a point'];
    const none = kill + freeze === 0 ? 1 : this.#mix['agent killed'] / 2;
    const flag = dice.weighed([
      ['crash-at', kill],
      ['freeze-at', freeze],
      [null, none],
    ] as const);
    if (flag === null) return null;
    const weighed = points.map((point) => [point, point === 'journalled' ? journalledWeight : 1] as const);
    return { flag, point: dice.weighed(weighed), arrival: dice.between(3, 40) };
  }

  armServer(name: string, start: number): Arm | null {
    const dice = new Dice(this.#seed, name, start);
    const kill = this.#mix['server killed at a point'];
    const armed = dice.weighed([
      [true, kill],
      [false, kill === 0 ? 1 : this.#mix['server killed'] / 2],
    ] as const);
    if (!armed) return null;
    const point = dice.oneOf(serverPoints);
    // Recovery has something to do seldom enough.
    const arrival = point === 'in-recovery' ? dice.between(1, 3) : dice.between(20, 200);
    return { flag: 'crash-at', point, arrival };
  }
}

const atPoint: ReadonlySet<ProcessFaultKind> = new Set(pointKinds);
const isPlanned = (kind: ProcessFaultKind) => !atPoint.has(kind);

export const flagOf = ({ flag, point, arrival }: Arm) => `--${flag}=${point}:${arrival}`;
