import { type Redis } from 'ioredis';
import { z } from 'zod';
import { usedDuring } from './command-stats.js';

/** Calls of write commands, by name. */
export type Writes = Readonly<Record<string, number>>;

/** `COMMAND INFO`: name, arity and flags of each; nothing for a name that this Redis does not know. */
const commandInfoSchema = z.array(
  z
    .tuple([z.string(), z.number(), z.array(z.string())])
    .rest(z.unknown())
    .nullable(),
);

/**
 * Counts writes by Redis's own book-keeping, in which a command that a script calls counts as any other,
 * and by Redis's own list of which commands are writes.
 */
export class WriteCounter {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Returns what all clients together wrote while `work` was done. */
  async during(work: () => Promise<void>): Promise<Writes> {
    const uses = await usedDuring(this.#redis, work);
    const writes = await this.#writesAmong([...uses.keys()]);
    const counted: Record<string, number> = {};
    for (const [name, { calls }] of uses) if (writes.has(name)) counted[name] = calls;
    return counted;
  }

  async #writesAmong(names: readonly string[]): Promise<Set<string>> {
    const known = commandInfoSchema.parse(await this.#redis.command('INFO', ...names));
    return new Set(known.flatMap((command) => (command?.[2].includes('write') ? [command[0]] : [])));
  }
}

export const totalOf = (writes: Writes) => Object.values(writes).reduce((sum, calls) => sum + calls, 0);
