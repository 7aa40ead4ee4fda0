import { type Check, fail, pass } from '../check.js';

/** From here on it is a matter of time. */
const nearlyFull = 0.9;

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

export const memory: Check = {
  name: 'memory',
  about: 'Redis has room for new commands',
  needs: ['redis'],
  async run(snapshot) {
    const info = await snapshot.info();
    const used = Number(info.get('used_memory') ?? 0);
    const most = Number(info.get('maxmemory') ?? 0);
    if (most === 0) return pass(`${megabytes(used)} used, no maxmemory`);
    const detail = `${megabytes(used)} of ${megabytes(most)} used`;
    // The buffers of replicas and of the append-only file do not count towards maxmemory.
    const counted = used - Number(info.get('mem_not_counted_for_evict') ?? 0);
    if (counted < nearlyFull * most) return pass(detail);
    const isFull = counted >= most;
    return fail(detail, {
      problem: isFull ? `Redis is full: ${detail}` : `Redis is nearly full: ${detail}`,
      impact: `submissions ${isFull ? 'are' : 'will be'} answered 503 redis_full; accepted commands are still executed and reported`,
      fix: 'give Redis more memory, or keep ended commands for a shorter time (RETENTION_MS, RETENTION_MAX) and restart the server',
      commands: [
        `${snapshot.redisCli} CONFIG SET maxmemory ${Math.ceil((2 * most) / 2 ** 20)}mb`,
        'RETENTION_MS=3600000 npm start',
      ],
    });
  },
};
