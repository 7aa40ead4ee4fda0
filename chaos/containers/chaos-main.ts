import { hostname } from 'node:os';
import { ConfigError, loadConfig } from '../../shared/runtime/config.js';
import { pause } from '../../shared/runtime/service.js';
import { onStopSignals } from '../../shared/runtime/stop-signals.js';
import { Dice } from '../dice.js';
import { cardsOf, Deck, kindOf } from './deck.js';
import { Engine } from './engine.js';
import { type ChaosServiceConfig, chaosServiceSettings } from './settings.js';
import { findStack } from './stack.js';
import { LoadTeller, NoTeller, type Teller } from './teller.js';
import { ContainerNemesis } from './container-nemesis.js';

const say = (line: string) => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);
const askMs = 500;

/** Aborts `over` when the load reports its end, or is gone. */
async function untilOver(teller: Teller, over: AbortController): Promise<void> {
  while (!over.signal.aborted) {
    const reply = await teller.ask().catch(() => ({ over: true }));
    if (reply.over) over.abort();
    else await pause(askMs, over.signal);
  }
}

/** The service `chaos`: hurts the containers of its own compose project until the load is over, or it is stopped. */
async function main(config: ChaosServiceConfig): Promise<void> {
  const over = new AbortController();
  onStopSignals({
    first: (signal) => {
      say(`${signal}: everything heals, then this ends`);
      over.abort();
    },
    second: () => process.exit(1),
  });
  const { loadUrl, intervalMs, leaseMs, kill, restart, disconnect } = config;
  const ways = { killed: kill, restarted: restart, paused: config.pause, 'cut off': disconnect };
  const roles = { agent: config.agents, server: config.servers, Redis: config.redis };
  const cards = cardsOf(ways, roles);
  const kinds = [...new Set(cards.map(kindOf))];
  const load = loadUrl === undefined ? undefined : new LoadTeller(loadUrl, kinds);
  if (load) say(`Waiting for the load at ${loadUrl}`);
  const seed = load ? (await load.present(over.signal))?.seed : (config.seed ?? Date.now() % 1_000_000);
  if (seed === undefined) return;
  const teller = load ?? new NoTeller(seed);
  const engine = new Engine(config.socket);
  try {
    const deck = new Deck(cards, new Dice(seed, 'deck'));
    const containers = await findStack(engine, hostname());
    say(
      `Seed ${seed}; a fault every ${intervalMs} ms to one of ${containers.map(({ name }) => name).join(', ')}`,
    );
    const tormentor = new ContainerNemesis({
      engine,
      containers,
      deck,
      teller,
      seed,
      intervalMs,
      leaseMs,
      say,
    });
    await Promise.all([tormentor.run(over.signal), untilOver(teller, over)]);
    say('Over: everything is whole again');
    await teller.tell({ says: 'whole' }).catch(() => undefined);
  } catch (error) {
    await teller.tell({ says: 'trouble', what: String(error) }).catch(() => undefined);
    throw error;
  } finally {
    await engine.close();
  }
}

Promise.resolve()
  .then(() => main(loadConfig('the service chaos', chaosServiceSettings)))
  .catch((error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${error instanceof ConfigError ? error.message : text}\n`);
    process.exitCode = 1;
  });
