import { ifWrongType } from '../../../shared/store/command-reader.js';
import { metaKey } from '../../../shared/store/keys.js';
import { meta } from '../../../shared/store/meta.js';
import { type Check, fail, pass } from '../check.js';

export const schemaVersion: Check = {
  name: 'schema-version',
  about: 'the data in Redis has a schema that this version understands',
  needs: ['redis'],
  async run(snapshot) {
    const found = await snapshot.redis.hgetall(metaKey).catch(ifWrongType(undefined));
    if (found && Object.keys(found).length === 0) return pass('no server has started here yet');
    const differing = Object.entries(meta).filter(([name, value]) => found?.[name] !== value);
    if (differing.length === 0) return pass(`schema ${meta.schemaVersion}`);
    const seen = differing.map(
      ([name, value]) => `${name} ${found?.[name] ?? 'missing'} instead of ${value}`,
    );
    return fail('another version', {
      problem: found ? `${metaKey} has ${seen.join(' and ')}` : `${metaKey} is not a hash`,
      impact: 'a server of this version refuses to start on it: it would misread the keys of the other one',
      fix: 'start the version that wrote it, or give this one its own Redis, or its own database in one',
      commands: [`${snapshot.redisCli} HGETALL ${metaKey}`, 'REDIS_URL=redis://127.0.0.1:6379/1 npm start'],
    });
  },
};
