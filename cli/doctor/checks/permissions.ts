import { describeMissing, grant, readPermissions } from '../../../shared/store/permissions.js';
import { type Check, type Finding, ill, well } from '../check.js';

/** Asks what a server asks when it starts. An agent at Redis needs a part of it. */
export const permissions: Check = {
  name: 'permissions',
  about: 'the Redis user may do what Fencepost does',
  needs: ['redis'],
  async look({ redis, redisCli }) {
    const { missing, limits } = await readPermissions(redis, 'server');
    if (missing.length === 0 && limits.length === 0) return well('all that is needed');
    const findings: Finding[] = [];
    const mend = 'allow it, as an administrator of this Redis, and restart servers and agents';
    const commands = [`${redisCli} ACL WHOAMI`, `${redisCli} ${grant.replace('<user>', "'<user>'")}`];
    if (missing.length > 0) {
      findings.push({
        what: `this Redis user may not do all that a server needs: ${describeMissing(missing)}`,
        why: 'a server of this user refuses to start; one that is running fails at the calls that need it',
        mend,
        commands,
      });
    }
    if (limits.length > 0) {
      findings.push({
        what: limits.join('; '),
        why: 'commands are taken and executed all the same, but not everything works as it should',
        mend,
        commands,
      });
    }
    return ill('lacks something', ...findings);
  },
};
