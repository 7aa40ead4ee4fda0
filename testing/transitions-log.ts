import { readAof } from './aof-log.js';
import { Replay } from './replay.js';
import { type Transition } from './transition.js';

/**
 * Every transition of every command in the order in which Redis made them, derived from its
 * append-only directory alone.
 */
export async function* readTransitions(directory: string): AsyncGenerator<Transition> {
  const replay = new Replay();
  for await (const transaction of readAof(directory)) {
    for (const transition of replay.apply(transaction)) yield transition;
  }
}
