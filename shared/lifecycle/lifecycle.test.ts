import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { statuses } from '../protocol/commands.js';
import { scriptNames } from './scripts.js';
import {
  isTerminal,
  leaseScripts,
  progressScripts,
  queueScripts,
  registrationScripts,
  retentionScripts,
  terminalStatuses,
  transitions,
} from './states.js';

// One table of truth: the scripts, their headers, transitions.ts, states.ts and README.md agree.

/** These files are parts of scripts: the prelude stands in front of each, the other one joins two of them. */
const ofOthers = ['prelude.lua', 'report-and-start.lua'];

const read = (file: string) => readFileSync(join(__dirname, file), 'utf8');
const readme = read('README.md');
const scripts = scriptNames.map((name) => ({ name, ...parts(read(`${name}.lua`)) }));

/** A script as its first line, its header's sections by name, and its code without comments. */
function parts(text: string) {
  const [shebang = '', ...lines] = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('--'));
  const header = lines.slice(0, end).map((line) => line.replace(/^-- ?/, ''));
  const sections = new Map<string, string[]>();
  let section: string[] = [];
  for (const line of header) {
    const start = /^(KEYS|ARGV|Guards|Reply|Events)\b,?(.*)/.exec(line);
    if (start) sections.set(start[1] ?? '', (section = [`    ${start[2] ?? ''}`]));
    else section.push(line);
  }
  const code = lines.slice(end).filter((line) => !line.trim().startsWith('--'));
  return { shebang, purpose: header[0] ?? '', sections, code };
}

/** The rows of the table under a heading of the README, as cells. */
function rows(heading: string): string[][] {
  const table = readme.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '';
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

const sorted = (items: Iterable<string>) => [...new Set(items)].sort();
const wordsIn = (text: string) => [...text.matchAll(/'([a-z]+(?:-[a-z]+)*)'/g)].map(([, word = '']) => word);

describe('the scripts are', () => {
  const names = sorted(scriptNames);

  test('the files', () => {
    const files = readdirSync(__dirname).filter((file) => file.endsWith('.lua') && !ofOthers.includes(file));
    expect(sorted(files.map((file) => basename(file, '.lua')))).toEqual(names);
  });

  test('the rows of the README', () => {
    expect(sorted(rows('Scripts').map(([name = '']) => name.replaceAll('`', '')))).toEqual(names);
  });

  test('what states.ts names', () => {
    expect(
      sorted([
        ...transitions.map(({ script }) => script),
        ...registrationScripts,
        ...leaseScripts,
        ...progressScripts,
        ...retentionScripts,
        ...queueScripts,
      ]),
    ).toEqual(names);
  });
});

test('the README has the same steps as states.ts', () => {
  const told = rows('Scripts').flatMap(([name = '', steps = '']) =>
    steps
      .split(', ')
      .filter((step) => step !== '')
      .map((step) => `${name.replaceAll('`', '')}: ${step}`),
  );
  expect(sorted(told)).toEqual(
    sorted(transitions.map(({ from, to, script }) => `${script}: ${from ?? '(none)'} → ${to}`)),
  );
});

test('only a retry leaves a terminal status, and every status is reached', () => {
  const leaving = transitions.filter(({ from }) => from !== null && isTerminal(from));
  expect(leaving).toEqual([expect.objectContaining({ from: 'FAILED', to: 'PENDING', script: 'retry' })]);
  expect(sorted(transitions.map(({ to }) => to))).toEqual(sorted(statuses));
  expect(statuses.filter(isTerminal)).toEqual([...terminalStatuses]);
});

test('every field of the README is one that a script or its caller names', () => {
  const sources = [...scripts.map(({ code }) => code.join('\n')), read('prelude.lua'), callers].join('\n');
  const fields = rows('Fields of `command:<id>`').flatMap(([names = '']) =>
    names.replaceAll('`', '').split(', '),
  );
  expect(fields.length).toBeGreaterThan(20);
  expect(fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(sources))).toEqual([]);
});

/** The lines of a function of the prelude that return something. */
function answersOf(name: string): string[] {
  const body = read('prelude.lua').split(`local function ${name}(`)[1]?.split('\nend\n')[0] ?? '';
  return body.match(/return .*/g) ?? [];
}

describe.each(scripts)('$name.lua', ({ name, shebang, purpose, sections, code }) => {
  test('begins with what it is for, its keys, arguments, guards, reply and events', () => {
    expect(purpose).toMatch(new RegExp(`^${name}: .+`));
    expect([...sections.keys()]).toEqual(['KEYS', 'ARGV', 'Guards', 'Reply', 'Events']);
    for (const lines of sections.values()) expect(lines.join('')).not.toBe('');
  });

  // A full Redis must refuse new work, and nothing else.
  test('works in a full Redis, unless it makes new work', () => {
    expect(shebang).toBe(['submit', 'retry'].includes(name) ? '#!lua' : '#!lua flags=allow-oom');
  });

  test('answers with the words of its header, and no others', () => {
    const answers = code.flatMap(
      (line) => /(?:\breturn\b|\bwords\[.*=|\bgive\(|\bitems\[.*=)(.*)/.exec(line)?.[1] ?? [],
    );
    // A word that a function of the prelude gave is passed on.
    if (code.some((line) => line.endsWith('return why end')))
      answers.push(...answersOf('checked'), ...answersOf('readCommand'));
    if (code.some((line) => line.includes('resolve(command)'))) {
      answers.push(...answersOf('resolve'), ...answersOf('lose'));
    }
    const told = answers.flatMap((answer) => wordsIn(answer.replaceAll(/[=~]= '[^']*'/g, '')));
    expect(sorted(told)).toEqual(sorted(wordsIn((sections.get('Reply') ?? []).join(' '))));
  });

  test('uses the arguments of its header by their places', () => {
    const named: string[] = [];
    let counted = 0;
    for (const line of sections.get('ARGV') ?? []) {
      // `name name  what they are`; what is indented further goes on with that.
      const names = /^ {6}(\S+(?: \S+)*)/.exec(line)?.[1] ?? '';
      // `n, …`: how many of something follow, whose places are not fixed.
      if (/^[a-z], /.test(names)) counted = 1;
      if (counted > 0) break;
      if (names !== '') named.push(...names.split(' '));
    }
    const places = code.flatMap((line) =>
      [...line.matchAll(/(?:ARGV\[|numberAt\()(\d+)[\])]/g)].map((match) => Number(match[1])),
    );
    const used = [...new Set(places)].sort((a, b) => a - b);
    const fixed = named.map((_, i) => i + 1);
    expect([fixed, [...fixed, fixed.length + 1].slice(0, fixed.length + counted)]).toContainEqual(used);
  });
});

const callers = [
  'transitions.ts',
  'attempt-leases.ts',
  'progress.ts',
  'cancel-and-retry.ts',
  'recovery.ts',
  'registration.ts',
  'type-announcements.ts',
  'retention.ts',
  'queue-pause.ts',
  'upkeep.ts',
]
  .map(read)
  .join('\n');

test('the callers read the words that the headers name, and no others', () => {
  // By a schema, or where there are many of them by comparing each.
  const schemas = [...callers.matchAll(/z\.(?:enum|literal)\(([^)]*)\)|\bword === ('[^']*')/g)].map(
    ([, words = '', word = '']) => words || word,
  );
  const headers = scripts.map(({ sections }) => (sections.get('Reply') ?? []).join(' '));
  expect(sorted(schemas.flatMap(wordsIn))).toEqual(sorted(headers.flatMap(wordsIn)));
});
