import { z } from 'zod';
import { readinessSchema } from '../../../shared/protocol/api.js';
import { readDurability } from '../../../shared/store/durability.js';
import { type Check, ill, well } from '../check.js';

const detailSchema = z.object({ detail: z.string() });

/** Asks a server that answers whether it can do its work. */
export const serverReady: Check = {
  name: 'server-ready',
  about: 'the server can take commands',
  // Without Redis it cannot, and that is found elsewhere.
  needs: ['redis', 'server'],
  async look(patient) {
    const { status, body } = await patient.ask('ready');
    if (status === 200 && readinessSchema.safeParse(body).success) return well('ready');
    const { readOnly } = await readDurability(patient.redis);
    // The server cannot be ready then, and the check of Redis's writes reports why.
    if (readOnly !== undefined) return well(`not ready, as is Redis: ${readOnly}`);
    const detail = detailSchema.safeParse(body).data?.detail ?? '';
    return ill(`answers ${status}`, {
      what: `GET ${patient.serverUrl}/ready answers ${status}${detail === '' ? '' : `: ${detail}`}`,
      why: 'the Redis that doctor looks at answers, but the server cannot use the one that it was given: it may be another one',
      mend: 'start the server with the same REDIS_URL, and look into its log',
      commands: [`curl -s ${patient.serverUrl}/ready`, 'npm run server'],
    });
  },
};
