import { pause } from '../../shared/runtime/service.js';
import { type Dice } from '../dice.js';
import { type Way } from './deck.js';
import { type Engine, type Inspection } from './engine.js';
import { type Container } from './stack.js';

/** The inputs of a strike. */
export interface Strike {
  readonly engine: Engine;
  readonly container: Container;
  readonly dice: Dice;
  readonly leaseMs: number;
  /** Aborted when it is over: what is hurt then heals at once. */
  readonly over: AbortSignal;
  /** Reports that the fault was seen to have happened. */
  readonly verified: (proof: string) => Promise<void>;
}

/** Longer than an agent's grace period: a graceful restart must not become a kill. */
const restartGraceSeconds = 30;
const longestAwayMs = 3000;

/** Injects one fault, sees that it happened, and heals it: resolves when the container is whole again. */
export const strikes: Readonly<Record<Way, (strike: Strike) => Promise<void>>> = {
  killed: async ({ engine, container: { id }, dice, over, verified }) => {
    await engine.kill(id);
    try {
      const { State } = await comesTrue(engine, id, (state) => !state.State.Running);
      await verified(`not running, exit code ${State.ExitCode}`);
      await pause(dice.between(0, longestAwayMs), over);
    } finally {
      await engine.start(id);
    }
    await comesTrue(engine, id, (state) => state.State.Running);
  },

  restarted: async ({ engine, container: { id }, verified }) => {
    const before = (await engine.inspect(id)).State.StartedAt;
    await engine.restart(id, restartGraceSeconds);
    const { State } = await comesTrue(engine, id, (state) => state.State.StartedAt !== before);
    await verified(`started at ${State.StartedAt}, before that at ${before}`);
  },

  paused: async (strike) => {
    const { engine, container, over, verified } = strike;
    await engine.pause(container.id);
    try {
      await comesTrue(engine, container.id, (state) => state.State.Paused);
      await verified('state paused');
      await pause(awayFor(strike), over);
    } finally {
      await engine.unpause(container.id);
    }
  },

  'cut off': async (strike) => {
    const { engine, container, over, verified } = strike;
    const { NetworkSettings } = await engine.inspect(container.id);
    const networks = Object.entries(NetworkSettings.Networks);
    for (const [, { NetworkID }] of networks) await engine.disconnect(container.id, NetworkID);
    try {
      const isOff = (state: Inspection) => Object.keys(state.NetworkSettings.Networks).length === 0;
      await comesTrue(engine, container.id, isOff);
      await verified(`on no network, before that on ${networks.map(([name]) => name).join(', ')}`);
      await pause(awayFor(strike), over);
    } finally {
      for (const [, { NetworkID, Aliases }] of networks) {
        // The engine adds the short id by itself.
        const aliases = (Aliases ?? []).filter((alias) => alias !== container.host);
        await engine.connect(container.id, NetworkID, aliases);
      }
    }
  },
};

/** Most come back within their lease; the others find that the world went on without them. */
function awayFor({ container, dice, leaseMs }: Strike): number {
  if (container.role !== 'agent' || dice.chance(0.6)) return dice.between(300, Math.round(leaseMs / 2));
  return dice.between(Math.round(1.2 * leaseMs), Math.round(1.8 * leaseMs));
}

const lookMs = 20;
const longestLookMs = 10_000;

/** @throws Error when it does not come true in time: then the fault counts as not verified */
async function comesTrue(
  engine: Engine,
  id: string,
  holds: (inspection: Inspection) => boolean,
): Promise<Inspection> {
  const deadline = performance.now() + longestLookMs;
  for (;;) {
    const inspection = await engine.inspect(id);
    if (holds(inspection)) return inspection;
    if (performance.now() > deadline)
      throw new Error(`${id.slice(0, 12)} did not reach the state that was asked for`);
    await pause(lookMs);
  }
}
