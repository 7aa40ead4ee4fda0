import { fail, type CheckResult, pass } from '../check.js';
import { type ServerAnswer } from '../server-answers.js';

/** The first look at the server: whether it is there at all. */
export const serverAnswers = {
  name: 'server',
  about: 'the server answers',
  async run(url: string, ask: (path: string) => Promise<ServerAnswer>): Promise<CheckResult> {
    try {
      await ask('health');
      return pass(url);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return fail(`no answer from ${url}`, {
        problem: `no server answers at ${url}: ${reason}`,
        impact: 'nothing can be submitted or read; agents continue with the commands in Redis',
        fix: 'start one, or name the right one in SERVER_URL or with --server',
        commands: ['npm run server', 'npx fencepost doctor --server http://127.0.0.1:3000'],
      });
    }
  },
} as const;
