import { type Check, fail, pass } from '../check.js';

/** The first version that knows the `#!lua` line of Fencepost's scripts, and whose XAUTOCLAIM drops deleted entries. */
export const oldestMajor = 7;

export const redisVersion: Check = {
  name: 'redis-version',
  about: `Redis is ${oldestMajor}.0 or newer, or Valkey`,
  needs: ['redis'],
  async run(snapshot) {
    const info = await snapshot.info();
    // Valkey calls itself redis_version 7.2.4.
    const version = info.get('redis_version') ?? 'unknown';
    const name = info.has('valkey_version') ? `Valkey ${info.get('valkey_version')}` : `Redis ${version}`;
    if (Number.parseInt(version, 10) >= oldestMajor) return pass(name);
    return fail(name, {
      problem: `this is ${name}; Fencepost needs ${oldestMajor}.0 or newer`,
      impact: 'it refuses the scripts that change a command: nothing can be submitted, started or reported',
      fix: 'install a newer Redis or Valkey and start it on the same data, or name another one in REDIS_URL; npm start runs one of its own',
      commands: ['redis-server --version', 'npm start'],
    });
  },
};
