import { type Check, ill, well } from '../check.js';

/** From here on it is a matter of time. */
const nearlyFull = 0.9;

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

export const memory: Check = {
  name: 'memory',
  about: 'Redis has room for new commands',
  needs: ['redis'],
  async look(patient) {
    const info = await patient.info();
    const used = Number(info.get('used_memory') ?? 0);
    const most = Number(info.get('maxmemory') ?? 0);
    if (most === 0) return well(`${megabytes(used)} used, no maxmemory`);
    const fact = `${megabytes(used)} of ${megabytes(most)} used`;
    // The buffers of replicas and of the append-only file do not count towards maxmemory.
    const counted = used - Number(info.get('mem_not_counted_for_evict') ?? 0);
    if (counted < nearlyFull * most) return well(fact);
    const isFull = counted >= most;
    return ill(fact, {
      what: isFull ? `Redis is full: ${fact}` : `Redis is nearly full: ${fact}`,
      why: `submissions ${isFull ? 'are' : 'will be'} answered 503 redis_full; what was accepted is executed and reported all the same`,
      mend: 'give Redis more memory, or keep what has ended for less long (RETENTION_MS, RETENTION_MAX) and restart the server',
      commands: [
        `${patient.redisCli} CONFIG SET maxmemory ${Math.ceil((2 * most) / 2 ** 20)}mb`,
        'RETENTION_MS=3600000 npm start',
      ],
    });
  },
};
