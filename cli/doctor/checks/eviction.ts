import { type Check, ill, well } from '../check.js';

export const eviction: Check = {
  name: 'eviction',
  about: 'a full Redis refuses new work, and deletes nothing',
  needs: ['redis'],
  async look(patient) {
    const info = await patient.info();
    const policy = info.get('maxmemory_policy') ?? 'not known';
    if (policy === 'noeviction') return well(policy);
    const when =
      info.get('maxmemory') === '0'
        ? 'as soon as somebody sets maxmemory and it is reached'
        : 'when it is full';
    return ill(policy, {
      what: `maxmemory-policy is ${policy}`,
      why: `${when}, Redis deletes keys of its own choice: commands that were accepted, and markers that keep them from being executed twice`,
      mend: 'set it to noeviction at once, and in the file that Redis is started with',
      commands: [`${patient.redisCli} CONFIG SET maxmemory-policy noeviction`],
    });
  },
};
