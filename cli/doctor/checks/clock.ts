import { type Check, well } from '../check.js';

/** For information only: no process's clock decides anything. */
export const clock: Check = {
  name: 'clock',
  about: "this machine's clock beside Redis's; it decides nothing",
  needs: ['redis'],
  async look(patient) {
    const before = Date.now();
    const redisMs = await patient.time();
    const after = Date.now();
    // Redis's clock was read at some moment in between.
    const offMs = redisMs > after ? redisMs - after : Math.min(0, redisMs - before);
    if (Math.abs(offMs) <= 1) return well("agrees with Redis's");
    return well(`${Math.abs(offMs)} ms ${offMs > 0 ? 'behind' : 'ahead of'} Redis's, which decides`);
  },
};
