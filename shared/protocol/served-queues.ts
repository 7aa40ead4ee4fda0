import { z } from 'zod';
import { queueNameSchema } from './commands.js';

/** The queues that an agent serves. */
export interface ServedQueues {
  /** Most important first, unless they have weights. */
  readonly queues: readonly string[];
  /** One for each queue: it is asked first in proportion to its own. Left out: strictly in their order. */
  readonly weights?: readonly number[] | undefined;
}

const mostWeight = 1000;
export const mostQueues = 100;

/** `['a', 'b']`, or `['a:6', 'b:3']` with weights: how environment, query and body name them. */
export const servedQueuesSchema = z
  .array(z.string())
  .max(mostQueues, { error: `names more than ${mostQueues} queues` })
  .transform((items, context): ServedQueues => {
    const parts = items.map(partsOf);
    const faults = faultsOf(parts);
    for (const fault of faults) context.addIssue({ code: 'custom', ...fault });
    if (faults.length > 0) return z.NEVER;
    const queues = parts.map(({ queue }) => queue);
    const weights = parts.flatMap(({ weight }) => (weight === undefined ? [] : [Number(weight)]));
    return weights.length === 0 ? { queues } : { queues, weights };
  });

/** Formats queues and weights in the form that `servedQueuesSchema` reads. */
export const namesOf = ({ queues, weights }: ServedQueues): string[] =>
  queues.map((queue, i) => (weights === undefined ? queue : `${queue}:${weights[i]}`));

interface Part {
  readonly queue: string;
  /** The weight as it was written; undefined: there is no colon. */
  readonly weight: string | undefined;
}

function partsOf(item: string): Part {
  const colon = item.indexOf(':');
  if (colon === -1) return { queue: item, weight: undefined };
  return { queue: item.slice(0, colon).trim(), weight: item.slice(colon + 1).trim() };
}

interface Fault {
  /** The item that it is in; empty: it is about all of them. */
  readonly path: number[];
  readonly message: string;
}

function faultsOf(parts: readonly Part[]): Fault[] {
  const faults: Fault[] = [];
  for (const [i, { queue, weight }] of parts.entries()) {
    const name = queueNameSchema.safeParse(queue);
    for (const { message } of name.error?.issues ?? []) faults.push({ path: [i], message });
    if (weight !== undefined && !isWeight(weight)) {
      const message = `the weight of ${queue} must be a whole number from 1 to ${mostWeight}`;
      faults.push({ path: [i], message });
    }
  }
  const queues = parts.map(({ queue }) => queue);
  if (new Set(queues).size < queues.length) faults.push({ path: [], message: 'names a queue twice' });
  const without = parts.filter(({ weight }) => weight === undefined).map(({ queue }) => queue);
  if (without.length > 0 && without.length < parts.length) {
    const message = `gives a weight to some queues and none to ${without.join(', ')}: give one to each, or to none`;
    faults.push({ path: [], message });
  }
  return faults;
}

const isWeight = (text: string) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= mostWeight;

/**
 * The order in which the next fetch asks the queues. With weights it is drawn anew each time, without
 * replacement: while all have commands waiting, the share of starts that come from a queue is its share
 * of the weights, and none starves.
 *
 * @param random as Math.random: tests give their own
 */
export function drawOrder({ queues, weights }: ServedQueues, random: () => number = Math.random): string[] {
  if (weights === undefined) return [...queues];
  // A race: each queue arrives after an exponentially distributed time, at a rate that is its weight
  // (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006).
  const arrivals = queues.map((queue, i) => ({ queue, at: -Math.log(1 - random()) / (weights[i] ?? 1) }));
  return arrivals.sort((one, other) => one.at - other.at).map(({ queue }) => queue);
}
