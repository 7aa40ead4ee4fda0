import { type Fields } from './command-state.js';
import { keyName } from './keyspace.js';
import { type Transition } from './transition.js';

/** Each time that a transaction wrote a command's progress, in order: `progress` and `progressOf`, as far as it wrote them. */
export function progressWrittenIn({
  hashWrites,
  writes,
}: Pick<Transition, 'hashWrites' | 'writes'>): Fields[] {
  if (hashWrites === 0) return [];
  return writes.flatMap(({ name, args: [key = '', ...pairs] }) => {
    const isOfHash = ['HSET', 'HMSET', 'HSETNX'].includes(name) && keyName(key)?.kind === 'command';
    if (!isOfHash) return [];
    const written: Record<string, string> = {};
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [field = '', value = ''] = [pairs[at], pairs[at + 1]];
      if (field === 'progress' || field === 'progressOf') written[field] = value;
    }
    return Object.keys(written).length > 0 ? [written] : [];
  });
}
