import { describeMissing, grant, readPermissions } from '../../../shared/store/permissions.js';
import { type Check, type Finding, fail, pass } from '../check.js';

/** Asks what a server asks when it starts. An agent at Redis needs a part of it. */
export const permissions: Check = {
  name: 'permissions',
  about: 'the Redis user has all permissions that Fencepost needs',
  needs: ['redis'],
  async run({ redis, redisCli }) {
    const { missing, limits } = await readPermissions(redis, 'server');
    if (missing.length === 0 && limits.length === 0) return pass('complete');
    const findings: Finding[] = [];
    const fix = 'grant them as an administrator of this Redis, and restart servers and agents';
    const commands = [`${redisCli} ACL WHOAMI`, `${redisCli} ${grant.replace('<user>', "'<user>'")}`];
    if (missing.length > 0) {
      findings.push({
        problem: `this Redis user lacks permissions that a server needs: ${describeMissing(missing)}`,
        impact:
          'a server of this user refuses to start; one that is running fails at the calls that need them',
        fix,
        commands,
      });
    }
    if (limits.length > 0) {
      findings.push({
        problem: limits.join('; '),
        impact: 'commands are accepted and executed, but some features are restricted',
        fix,
        commands,
      });
    }
    return fail('incomplete', ...findings);
  },
};
