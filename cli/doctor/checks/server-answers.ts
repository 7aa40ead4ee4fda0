import { ill, type Look, well } from '../check.js';
import { type ServerAnswer } from '../server-answers.js';

/** The first look at the server: whether it is there at all. */
export const serverAnswers = {
  name: 'server',
  about: 'the server answers',
  async look(url: string, ask: (path: string) => Promise<ServerAnswer>): Promise<Look> {
    try {
      await ask('health');
      return well(url);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return ill(`no answer from ${url}`, {
        what: `no server answers at ${url}: ${reason}`,
        why: 'nothing can be submitted or read; agents go on with what is in Redis',
        mend: 'start one, or name the right one in SERVER_URL or with --server',
        commands: ['npm run server', 'npx fencepost doctor --server http://127.0.0.1:3000'],
      });
    }
  },
} as const;
