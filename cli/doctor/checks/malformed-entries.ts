import { z } from 'zod';
import { ifWrongType } from '../../../shared/store/command-reader.js';
import { type Check, fail, pass } from '../check.js';
import { proseList } from '../prose-list.js';

const entrySchema = z.tuple([z.string(), z.array(z.string())]).transform(([, fields]) => {
  const named = new Map(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : [])));
  return `${named.get('entry') ?? '?'} of ${named.get('queue') ?? '?'}, ${named.get('why') ?? '?'}`;
});

/** Entries that the scripts could not understand and put aside. */
export const malformedEntries: Check = {
  name: 'malformed-entries',
  about: 'no stream held a malformed entry',
  needs: ['redis'],
  async run({ redis, redisCli, keys }) {
    const count = await redis.xlen(keys.dead).catch(ifWrongType(0));
    if (count === 0) return pass('none');
    const newest = z.array(entrySchema).parse(await redis.xrevrange(keys.dead, '+', '-', 'COUNT', 6));
    return fail(`${count} moved aside`, {
      problem: `malformed entries were moved aside, ${count} in all: ${proseList(newest, 'entry', 'entries')}`,
      impact:
        'another program writes to the streams or the hashes of Fencepost, or a command was deleted by hand: the command of such an entry was not executed',
      fix: 'inspect them, newest first, and find out which program wrote them; then delete the list, which is only kept for inspection',
      commands: [`${redisCli} XREVRANGE '${keys.dead}' + - COUNT 10`, `${redisCli} DEL '${keys.dead}'`],
    });
  },
};
