import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { agentSettings } from '../agent/config.js';
import { stackSettings } from '../cli/stack-config.js';
import { serverSettings } from '../server/config.js';
import { settingsPage, withSettingsTable } from '../shared/runtime/settings-page.js';
import { repositoryRoot } from '../testing/processes.js';

/** The documents as a reader finds them: nothing leads nowhere, and every page can be found. */

const notSources = new Set(['.git', 'data', 'dist', 'node_modules']);
const sources = readdirSync(repositoryRoot, { withFileTypes: true })
  .filter(({ name }) => !notSources.has(name))
  .flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(repositoryRoot, entry.name), { recursive: true, encoding: 'utf8' }).map((path) =>
          join(entry.name, path),
        )
      : [entry.name],
  );
const sourcesWith = (extension: RegExp): string[] => sources.filter((path) => extension.test(path));

interface Page {
  readonly anchors: ReadonlySet<string>;
  /** Each with the number of its line. */
  readonly links: readonly (readonly [line: number, target: string])[];
}

/** Returns the anchor that GitHub makes of a heading, for headings without links. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
    .replaceAll(' ', '-');

function readPage(path: string): Page {
  const anchors = new Set<string>();
  const links: [number, string][] = [];
  let isCode = false;
  for (const [i, line] of readFileSync(join(repositoryRoot, path), 'utf8').split('\n').entries()) {
    if (/^\s*```/.test(line)) isCode = !isCode;
    if (isCode) continue;
    const [, heading] = /^#{1,6} (.+)/.exec(line) ?? [];
    if (heading !== undefined) anchors.add(anchorOf(heading));
    for (const [, target = ''] of line.matchAll(/\]\(([^)\s]+)\)/g)) links.push([i + 1, target]);
  }
  return { anchors, links };
}

const pages = new Map(sourcesWith(/\.md$/).map((path) => [path, readPage(path)]));

/** Returns the target of a link within the repository; undefined for one that leaves it. */
function targetOf(from: string, link: string): { path: string; anchor: string } | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor = ''] = link.split('#');
  return { path: path === '' ? from : posix.join(posix.dirname(from), path), anchor };
}

test('every link within the repository leads to a file, and to a heading where it names one', () => {
  const broken: string[] = [];
  let links = 0;
  for (const [from, page] of pages) {
    for (const [line, link] of page.links) {
      const target = targetOf(from, link);
      if (!target) continue;
      links++;
      const { path, anchor } = target;
      const exists = existsSync(join(repositoryRoot, path));
      const anchors = anchor === '' ? undefined : pages.get(path)?.anchors;
      if (!exists || anchors?.has(anchor) === false) broken.push(`${from}:${line}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
  expect(links).toBeGreaterThan(100);
});

test('every page of the documentation is in its index', () => {
  const listed = new Set(pages.get('docs/README.md')?.links.map(([, link]) => posix.join('docs', link)));
  const own = [...pages.keys()].filter(
    (path) => /^docs\/[^/]+\//.test(path) && !/^docs\/decisions\//.test(path),
  );
  expect(own.filter((path) => !listed.has(path))).toEqual([]);
});

test('every document that the code names is there', () => {
  const missing: string[] = [];
  for (const path of sourcesWith(/\.(ts|mjs|lua|yml|service|conf|sh)$/)) {
    const text = readFileSync(join(repositoryRoot, path), 'utf8');
    for (const [named] of text.matchAll(/\bdocs\/[\w./-]+\.(md|json|py|mjs)\b/g)) {
      if (!existsSync(join(repositoryRoot, named))) missing.push(`${path}: ${named}`);
    }
  }
  expect(missing).toEqual([]);
});

test.each([
  ['stack', stackSettings],
  ['server', serverSettings],
  ['agent', agentSettings],
])('the page of all settings has those of the %s as they are: npm run generate', (program, settings) => {
  const page = readFileSync(join(repositoryRoot, settingsPage), 'utf8');
  expect(page).toBe(withSettingsTable(page, program, settings));
});

test('the README has at most 250 lines', () => {
  const lines = readFileSync(join(repositoryRoot, 'README.md'), 'utf8').split('\n').length - 1;
  expect(lines).toBeLessThanOrEqual(250);
});
