import { type Check, ill, well } from '../check.js';

export const appendOnlyFile: Check = {
  name: 'append-only-file',
  about: 'Redis writes what it is told to an append-only file',
  needs: ['redis'],
  async look(patient) {
    const info = await patient.info();
    if (info.get('aof_enabled') === '1') return well('on');
    return ill('off', {
      what: 'appendonly is no',
      why: 'a restart of Redis forgets every command, and every execution marker, since its last snapshot: accepted commands are lost, and started ones may be executed again',
      mend: "turn it on at once, and in the file that Redis is started with; Fencepost's own redis.conf has it",
      commands: [`${patient.redisCli} CONFIG SET appendonly yes`],
    });
  },
};
