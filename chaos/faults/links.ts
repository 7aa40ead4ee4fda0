import { pause } from '../../shared/runtime/service.js';
import { atOnce } from '../../testing/paced-writer.js';
import { type Dice } from '../dice.js';
import { type Line } from '../lines.js';
import { comesTrue, type Scene, type Strike, takeLine } from './strike.js';

/** How long a link without traffic is left hurt before its fault counts as not having happened. */
const longestUnusedMs = 2000;

interface Hurt {
  begin(line: Line, dice: Dice): void;
  end(line: Line, dice: Dice): void;
  /** Returns the proxy's counter, which grows once the fault has hit something. */
  count(line: Line): number;
  unit: string;
  /** For how long, in ms. */
  duration(dice: Dice, leaseMs: number): number;
}

/** Most links come back before any agent counts as lost. */
function cutFor(dice: Dice, leaseMs: number): number {
  return dice.chance(0.7) ? dice.between(50, 800) : dice.between(leaseMs, Math.round(1.8 * leaseMs));
}

/** After a cut the old connections go on, as after a break in a network, or are gone, as after that of a host. */
function restore(line: Line, dice: Dice): void {
  if (dice.chance(0.4)) line.reset();
  line.heal();
}

const cut: Hurt = {
  begin: (line) => line.cut(),
  end: restore,
  count: ({ traffic }) => traffic.keptBack + traffic.dropped,
  unit: 'bytes kept back or dropped',
  duration: cutFor,
};

const halfOpen: Hurt = {
  begin: (line, dice) => line.halfOpen(dice.oneOf(['requests', 'replies'])),
  end: restore,
  count: ({ traffic }) => traffic.keptBack,
  unit: 'bytes kept back',
  duration: cutFor,
};

const slow: Hurt = {
  begin: (line, dice) => line.setPace({ delayMs: dice.between(20, 300), sliceBytes: 0 }),
  end: (line) => line.setPace(atOnce),
  count: ({ traffic }) => traffic.delayed,
  unit: 'bytes delayed',
  duration: (dice) => dice.between(300, 2000),
};

const sliced: Hurt = {
  begin: (line, dice) => line.setPace({ delayMs: 0, sliceBytes: dice.between(1, 20) }),
  end: (line) => line.setPace(atOnce),
  count: ({ traffic }) => traffic.slices,
  unit: 'slices',
  duration: (dice) => dice.between(300, 1500),
};

const hurting =
  (hurt: Hurt): Strike =>
  async (scene, { kind, event, dice }) => {
    const taken = await takeLine(scene, dice);
    if (!taken) return;
    const { line, actor } = taken;
    const open = scene.faults.begin({ kind, target: line.name, event });
    const before = hurt.count(line);
    const inFlight = await scene.arena.inFlightAt(actor);
    hurt.begin(line, dice);
    try {
      const isHit = await comesTrue(scene, longestUnusedMs, () => hurt.count(line) > before);
      if (!isHit) return open.withdraw();
      const counted = `${hurt.count(line) - before} ${hurt.unit}`;
      open.verified(counted, [...inFlight, ...(await scene.arena.inFlightAt(actor))]);
      await pause(hurt.duration(dice, scene.leaseMs), scene.over);
    } finally {
      hurt.end(line, dice);
      open.healed();
      scene.takenLines.delete(line);
    }
  };

export const cutLink = hurting(cut);
export const halfOpenLink = hurting(halfOpen);
export const slowLink = hurting(slow);
export const sliceLink = hurting(sliced);

/** Makes a link whole again, whatever was done to it. */
export function heal(line: Line, { takenLines }: Scene): void {
  line.setPace(atOnce);
  line.heal();
  takenLines.delete(line);
}
