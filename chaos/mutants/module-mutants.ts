import { type Mutant } from './mutant.js';

/** So that an agent is back before its lease has run out, on a busy machine too. */
const backInTime = {
  leaseMs: 8000,
  mix: 'agent-killed-at-a-point=4,agent-killed,link-down,reply-lost,entry-duplicated',
  because: 'an agent that died with an outcome on its disk must be back before recovery takes the command',
} as const;

/** Mistakes in what calls the scripts. */
export const moduleMutants: readonly Mutant[] = [
  {
    name: 'no-journal',
    file: 'agent/reporter.js',
    text: 'this.#options.outcomes.keep(fresh.map(({ report }) => report))',
    replacement: 'undefined',
    breaks: [8],
    imitates: 'the report is on its way in a moment, what good is a disk',
    needs: backInTime,
  },
  {
    name: 'outcomes-not-taken-over',
    file: 'agent/outcome-log.js',
    text: 'this.#put(some);',
    replacement: 'void some;',
    breaks: [8],
    imitates: 'each run has a file of its own, and the files of others are deleted',
    needs: backInTime,
  },
  {
    name: 'reused-place-unseen',
    file: 'agent/held-table.js',
    text: 'if (count === before)',
    replacement: 'if (isTaken(count) === isTaken(before))',
    breaks: [8],
    imitates: 'a place of the table that is taken, as it was, has not changed',
    needs: {
      mix: 'entry-duplicated',
      because: 'any fault that hurts an agent, or its way to Redis, explains that it lost an attempt',
    },
  },
  {
    name: 'settle-before-reports',
    file: 'agent/agent.js',
    text: 'this.#reporter.addAll(unanswered);',
    // A moment later, since the report, which is sent at once, would otherwise arrive first.
    replacement: 'setTimeout(() => this.#reporter.addAll(unanswered), 100);',
    breaks: [8],
    imitates: 'reports and settling do not need to wait for each other',
    needs: backInTime,
  },
  {
    name: 'report-given-up',
    file: 'agent/reporter.js',
    text: 'for (let tries = 1; !this.#abort.signal.aborted; tries++)',
    replacement: 'for (let tries = 1; tries < 3 && !this.#abort.signal.aborted; tries++)',
    breaks: [1, 8],
    imitates: 'a call that failed two times will not work a third time',
    needs: {
      mix: 'link,reply,redis',
      because: 'an agent that dies reports from its journal when it is back',
    },
  },
  {
    name: 'key-ignored',
    file: 'server/commands/new-command.js',
    text: '(0, uuid_1.v5)(key, keyNamespace)',
    replacement: '(0, uuid_1.v7)()',
    breaks: [2],
    imitates: 'every request is a new command',
  },
  {
    name: 'answered-before-stored',
    file: 'server/commands/command-routes.js',
    text: 'const replies = await submitter.submit([command]);',
    replacement:
      "const replies = (submitter.submit([command]).catch(() => undefined), [{ word: 'accepted' }]);",
    breaks: [1],
    imitates: 'Redis is fast, and the client need not wait for it',
  },
];
