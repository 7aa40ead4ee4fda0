import { type PlantedBug } from './planted-bug.js';

/** Mistakes in what calls the scripts. */
export const moduleBugs: readonly PlantedBug[] = [
  {
    name: 'no-journal',
    file: 'agent/reporter.js',
    text: 'await this.#journal.keep(batch.map((item) => item.report));',
    replacement: 'void batch;',
    breaks: [8],
    imitates: 'the report is on its way in a moment, what good is a disk',
  },
  {
    name: 'settle-before-reports',
    file: 'agent/agent.js',
    text: 'await this.#reporter.drained();\n        const settled',
    replacement: 'void this.#reporter.drained();\n        const settled',
    breaks: [8],
    imitates: 'reports and settling do not need to wait for each other',
  },
  {
    name: 'report-given-up',
    file: 'agent/reporter.js',
    text: 'for (let tries = 1; !this.#abort.signal.aborted; tries++)',
    replacement: 'for (let tries = 1; tries < 3 && !this.#abort.signal.aborted; tries++)',
    breaks: [1],
    imitates: 'a call that failed three times will not work a fourth time',
  },
  {
    name: 'key-ignored',
    file: 'server/submissions/new-command.js',
    text: '(0, uuid_1.v5)(key, keyNamespace)',
    replacement: '(0, uuid_1.v7)()',
    breaks: [2],
    imitates: 'every request is a new command',
  },
  {
    name: 'answered-before-stored',
    file: 'server/http/command-routes.js',
    text: 'const [reply] = await submitter.submit([command]);',
    replacement:
      "const [reply] = (submitter.submit([command]).catch(() => undefined), [{ word: 'accepted' }]);",
    breaks: [1],
    imitates: 'Redis is fast, and the client need not wait for it',
  },
];
