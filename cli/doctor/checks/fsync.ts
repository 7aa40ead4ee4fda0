import { type Check, type Finding, fail, pass } from '../check.js';

export const fsync: Check = {
  name: 'fsync',
  about: 'each write is on the disk before it is acknowledged',
  needs: ['redis'],
  async run(snapshot) {
    const settings = await snapshot.settings('appendfsync', 'no-appendfsync-on-rewrite');
    // This is a managed Redis: the settings are not known, and the operator cannot change them here.
    if (!settings) return pass('not known: CONFIG GET is not allowed here');
    const policy = settings.get('appendfsync') ?? 'not known';
    const findings: Finding[] = [];
    if (policy !== 'always') {
      findings.push({
        problem: `appendfsync is ${policy}`,
        impact:
          'when Redis is killed, or the power fails, acknowledged writes are lost: a command that was accepted, or the marker that keeps a command from being executed twice',
        fix: 'set it to always now, and in the configuration file of Redis',
        commands: [`${snapshot.redisCli} CONFIG SET appendfsync always`],
      });
    }
    if (settings.get('no-appendfsync-on-rewrite') === 'yes') {
      findings.push({
        problem: 'no-appendfsync-on-rewrite is yes',
        impact:
          'while the append-only file is rewritten nothing is synced, whatever the value of appendfsync',
        fix: 'set it to no now, and in the configuration file of Redis',
        commands: [`${snapshot.redisCli} CONFIG SET no-appendfsync-on-rewrite no`],
      });
    }
    return fail(policy, ...findings);
  },
};
