import { type Check, pass } from '../check.js';

/** For information only: no process's clock decides anything. */
export const clock: Check = {
  name: 'clock',
  about: "this machine's clock, compared with Redis's; for information only",
  needs: ['redis'],
  async run(snapshot) {
    const before = Date.now();
    const redisMs = await snapshot.time();
    const after = Date.now();
    // Redis's clock was read at some moment in between.
    const offMs = redisMs > after ? redisMs - after : Math.min(0, redisMs - before);
    if (Math.abs(offMs) <= 1) return pass("agrees with Redis's");
    return pass(`${Math.abs(offMs)} ms ${offMs > 0 ? 'behind' : 'ahead of'} Redis's, which is authoritative`);
  },
};
