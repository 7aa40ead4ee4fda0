import { type Check, type Finding, ill, well } from '../check.js';

export const fsync: Check = {
  name: 'fsync',
  about: 'each write is on the disk before it is acknowledged',
  needs: ['redis'],
  async look(patient) {
    const settings = await patient.settings('appendfsync', 'no-appendfsync-on-rewrite');
    // This is a managed Redis: the settings are not known, and the operator cannot change them here.
    if (!settings) return well('not known: CONFIG GET is not allowed here');
    const policy = settings.get('appendfsync') ?? 'not known';
    const findings: Finding[] = [];
    if (policy !== 'always') {
      findings.push({
        what: `appendfsync is ${policy}`,
        why: 'when Redis is killed, or the power fails, writes are gone that were acknowledged: a command that was accepted, or the marker that keeps a command from being executed twice',
        mend: 'set it to always at once, and in the file that Redis is started with',
        commands: [`${patient.redisCli} CONFIG SET appendfsync always`],
      });
    }
    if (settings.get('no-appendfsync-on-rewrite') === 'yes') {
      findings.push({
        what: 'no-appendfsync-on-rewrite is yes',
        why: 'while the append-only file is rewritten nothing is synced, whatever appendfsync says',
        mend: 'set it to no at once, and in the file that Redis is started with',
        commands: [`${patient.redisCli} CONFIG SET no-appendfsync-on-rewrite no`],
      });
    }
    return ill(policy, ...findings);
  },
};
