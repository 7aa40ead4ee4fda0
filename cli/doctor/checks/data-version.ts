import { ifWrongType } from '../../../shared/store/command-reader.js';
import { metaKey } from '../../../shared/store/keys.js';
import { meta } from '../../../shared/store/meta.js';
import { type Check, ill, well } from '../check.js';

export const dataVersion: Check = {
  name: 'data-version',
  about: 'what is in Redis was written by a Fencepost that this one understands',
  needs: ['redis'],
  async look(patient) {
    const found = await patient.redis.hgetall(metaKey).catch(ifWrongType(undefined));
    if (found && Object.keys(found).length === 0) return well('no server has started here yet');
    const differing = Object.entries(meta).filter(([name, value]) => found?.[name] !== value);
    if (differing.length === 0) return well(`schema ${meta.schemaVersion}`);
    const seen = differing.map(
      ([name, value]) => `${name} ${found?.[name] ?? 'missing'} instead of ${value}`,
    );
    return ill('of another version', {
      what: found ? `${metaKey} says ${seen.join(' and ')}` : `${metaKey} is no hash`,
      why: 'a server of this version refuses to start on it: it would misread the keys of the other one',
      mend: 'start the version that wrote it, or give this one a Redis, or a database of one, of its own',
      commands: [`${patient.redisCli} HGETALL ${metaKey}`, 'REDIS_URL=redis://127.0.0.1:6379/1 npm start'],
    });
  },
};
