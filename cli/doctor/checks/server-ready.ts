import { z } from 'zod';
import { readinessSchema } from '../../../shared/protocol/api.js';
import { readDurability } from '../../../shared/store/durability.js';
import { type Check, fail, pass } from '../check.js';

const detailSchema = z.object({ detail: z.string() });

/** Asks a server that answers whether it can do its work. */
export const serverReady: Check = {
  name: 'server-ready',
  about: 'the server accepts commands',
  // Without Redis it cannot, and that is found elsewhere.
  needs: ['redis', 'server'],
  async run(snapshot) {
    const { status, body } = await snapshot.ask('ready');
    if (status === 200 && readinessSchema.safeParse(body).success) return pass('ready');
    const { readOnly } = await readDurability(snapshot.redis);
    // The server cannot be ready then, and the check of Redis's writes reports why.
    if (readOnly !== undefined) return pass(`not ready, as is Redis: ${readOnly}`);
    const detail = detailSchema.safeParse(body).data?.detail ?? '';
    return fail(`answers ${status}`, {
      problem: `GET ${snapshot.serverUrl}/ready answers ${status}${detail === '' ? '' : `: ${detail}`}`,
      impact:
        'the Redis that doctor checks answers, but the server cannot use its own: it may be configured with another one',
      fix: 'start the server with the same REDIS_URL, and check its log',
      commands: [`curl -s ${snapshot.serverUrl}/ready`, 'npm run server'],
    });
  },
};
