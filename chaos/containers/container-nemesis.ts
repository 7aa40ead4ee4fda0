import { isAborted, pause } from '../../shared/runtime/service.js';
import { Dice } from '../dice.js';
import { type Card, type Deck, kindOf } from './deck.js';
import { type Engine, EngineError } from './engine.js';
import { type Container } from './stack.js';
import { strikes } from './strikes.js';
import { type Teller } from './teller.js';

export interface ContainerNemesisOptions {
  readonly engine: Engine;
  readonly containers: readonly Container[];
  readonly deck: Deck;
  readonly teller: Teller;
  readonly seed: number;
  readonly intervalMs: number;
  readonly leaseMs: number;
  readonly say: (line: string) => void;
}

/** The number of concurrent faults; when there are as many, the next one waits for its turn. */
const mostAtOnce = 3;

/** Hurts containers, one fault after the other and some beside each other, and heals each. */
export class ContainerNemesis {
  readonly #options: ContainerNemesisOptions;
  readonly #dice: Dice;
  readonly #taken = new Set<string>();
  readonly #atWork = new Set<Promise<void>>();
  #faults = 0;

  constructor(options: ContainerNemesisOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed, 'containers');
  }

  /** Resolves when `over` was aborted and everything is whole again. */
  async run(over: AbortSignal): Promise<void> {
    const { intervalMs, deck } = this.#options;
    while (!isAborted(over)) {
      // Exponential, as faults come, within bounds, so that no run waits in vain.
      const share = -Math.log(1 - this.#dice.next());
      await pause(intervalMs * Math.min(4, Math.max(0.2, share)), over);
      if (isAborted(over)) break;
      if (this.#atWork.size < mostAtOnce) this.#strike(deck.draw(), over);
    }
    await Promise.all(this.#atWork);
  }

  #strike(card: Card, over: AbortSignal): void {
    const { containers } = this.#options;
    const free = containers.filter(({ id, role }) => role === card.role && !this.#taken.has(id));
    const [container] = this.#dice.shuffled(free);
    if (!container) return;
    this.#taken.add(container.id);
    const fault = ++this.#faults;
    const work: Promise<void> = this.#work(fault, card, container, over).finally(() => {
      this.#taken.delete(container.id);
      this.#atWork.delete(work);
    });
    this.#atWork.add(work);
  }

  async #work(fault: number, card: Card, container: Container, over: AbortSignal): Promise<void> {
    const { engine, teller, seed, leaseMs, say } = this.#options;
    const { name: target, host } = container;
    try {
      await teller.tell({ says: 'injecting', fault, kind: kindOf(card), target, host });
      await strikes[card.way]({
        engine,
        container,
        leaseMs,
        over,
        dice: new Dice(seed, 'container fault', fault),
        verified: async (proof) => {
          say(`${fault}. ${target} ${card.way}: ${proof}`);
          await teller.tell({ says: 'verified', fault, proof });
        },
      });
      say(`${fault}. ${target} is whole again`);
      await teller.tell({ says: 'healed', fault });
    } catch (error) {
      const what = `${fault}. ${target} ${card.way}: ${error instanceof Error ? error.message : String(error)}`;
      // A busy machine's engine may fail to freeze a container: then nothing has happened, and the fault
      // stays one that was not verified.
      if (error instanceof EngineError && (await this.#isWhole(container))) {
        say(`REFUSED ${what}`);
        await teller.tell({ says: 'healed', fault }).catch(() => undefined);
        return;
      }
      say(`TROUBLE ${what}`);
      await teller.tell({ says: 'trouble', what }).catch(() => undefined);
    }
  }

  async #isWhole({ id }: Container): Promise<boolean> {
    try {
      const { State, NetworkSettings } = await this.#options.engine.inspect(id);
      return State.Running && !State.Paused && Object.keys(NetworkSettings.Networks).length > 0;
    } catch {
      return false;
    }
  }
}
