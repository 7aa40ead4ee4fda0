import { type Check, fail, pass } from '../check.js';

export const eviction: Check = {
  name: 'eviction',
  about: 'a full Redis refuses new commands, and evicts nothing',
  needs: ['redis'],
  async run(snapshot) {
    const info = await snapshot.info();
    const policy = info.get('maxmemory_policy') ?? 'not known';
    if (policy === 'noeviction') return pass(policy);
    const when =
      info.get('maxmemory') === '0' ? 'as soon as maxmemory is set and reached' : 'when it is full';
    return fail(policy, {
      problem: `maxmemory-policy is ${policy}`,
      impact: `${when}, Redis deletes keys of its own choice: commands that were accepted, and markers that keep them from being executed twice`,
      fix: 'set it to noeviction now, and in the configuration file of Redis',
      commands: [`${snapshot.redisCli} CONFIG SET maxmemory-policy noeviction`],
    });
  },
};
