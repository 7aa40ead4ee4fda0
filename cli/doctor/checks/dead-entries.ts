import { z } from 'zod';
import { ifWrongType } from '../../../shared/store/command-reader.js';
import { type Check, ill, well } from '../check.js';
import { listed } from '../listed.js';

const entrySchema = z.tuple([z.string(), z.array(z.string())]).transform(([, fields]) => {
  const named = new Map(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : [])));
  return `${named.get('entry') ?? '?'} of ${named.get('queue') ?? '?'}, ${named.get('why') ?? '?'}`;
});

/** Entries that the scripts could not understand and put aside. */
export const deadEntries: Check = {
  name: 'dead-entries',
  about: 'no entry was put aside because nobody could understand it',
  needs: ['redis'],
  async look({ redis, redisCli, keys }) {
    const count = await redis.xlen(keys.dead).catch(ifWrongType(0));
    if (count === 0) return well('none');
    const newest = z.array(entrySchema).parse(await redis.xrevrange(keys.dead, '+', '-', 'COUNT', 6));
    return ill(`${count} put aside`, {
      what: `${listed(newest, 'entry', 'entries')} of ${count} that could not be understood ${count === 1 ? 'was' : 'were'} put aside`,
      why: 'something else writes to the streams or the hashes of Fencepost, or a command was deleted by hand: what such an entry stood for was not executed',
      mend: 'look at them, newest first, and find out what wrote them; then delete the list, which is only kept for people',
      commands: [`${redisCli} XREVRANGE '${keys.dead}' + - COUNT 10`, `${redisCli} DEL '${keys.dead}'`],
    });
  },
};
