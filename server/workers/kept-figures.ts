import { AggregatorRegistry } from 'prom-client';
import { type Figures } from './worker-messages.js';

/**
 * The figures that each worker said last. What one has counted stays when it has ended, or does not answer in time: a sum
 * that falls is a restart to Prometheus, which then counts all of it once more.
 */
export class KeptFigures<Worker> {
  readonly #last = new Map<Worker, Figures>();
  /** What those have counted that have ended. */
  #ended: Figures = [];
  #adding: Promise<void> = Promise.resolve();

  note(worker: Worker, figures: Figures): void {
    this.#last.set(worker, figures);
  }

  end(worker: Worker): void {
    const figures = this.#last.get(worker);
    this.#last.delete(worker);
    if (figures) this.#adding = this.#adding.then(() => this.#add(figures.filter(isCounted)));
  }

  /** Of those that live, and all that the others have counted. */
  async all(): Promise<readonly Figures[]> {
    await this.#adding;
    return [...this.#last.values(), ...(this.#ended.length > 0 ? [this.#ended] : [])];
  }

  /** As one: there may be any number of them. */
  async #add(figures: Figures): Promise<void> {
    this.#ended = await AggregatorRegistry.aggregate([this.#ended, figures]).getMetricsAsJSON();
  }
}

/** A gauge says how things are: of one that has ended, nothing is. */
const isCounted = ({ type }: Figures[number]) => ['counter', 'histogram'].includes(String(type));
