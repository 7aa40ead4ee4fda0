import { type Check, fail, pass } from '../check.js';

export const appendOnlyFile: Check = {
  name: 'append-only-file',
  about: 'Redis writes an append-only file',
  needs: ['redis'],
  async run(snapshot) {
    const info = await snapshot.info();
    if (info.get('aof_enabled') === '1') return pass('on');
    return fail('off', {
      problem: 'appendonly is no',
      impact:
        'a restart of Redis loses every command, and every execution marker, since its last snapshot: accepted commands are lost, and started ones may be executed again',
      fix: "turn it on now, and in the configuration file of Redis; Fencepost's own redis.conf has it",
      commands: [`${snapshot.redisCli} CONFIG SET appendonly yes`],
    });
  },
};
