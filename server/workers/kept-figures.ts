import { AggregatorRegistry } from 'prom-client';
import { type Figures } from './worker-messages.js';

/**
 * Keeps the figures that each worker sent last. What a worker has counted stays when it has ended, or does not answer
 * in time: a sum that falls is a restart to Prometheus, which then counts all of it once more.
 */
export class KeptFigures<Worker> {
  readonly #last = new Map<Worker, Figures>();
  /** These were counted by workers that have ended. */
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

  /** @returns the figures of the workers that live, and what the others have counted */
  async all(): Promise<readonly Figures[]> {
    await this.#adding;
    return [...this.#last.values(), ...(this.#ended.length > 0 ? [this.#ended] : [])];
  }

  /** Adds up what workers have counted that ended: any number of them are kept as one. */
  async #add(figures: Figures): Promise<void> {
    this.#ended = await AggregatorRegistry.aggregate([this.#ended, figures]).getMetricsAsJSON();
  }
}

/** A gauge shows a present state, which a worker that has ended does not have. */
const isCounted = ({ type }: Figures[number]) => ['counter', 'histogram'].includes(String(type));
