import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A comment, as one line of text. */
export interface Comment {
  /** The number of its first line. */
  readonly line: number;
  readonly text: string;
}

const folders = [
  'agent',
  'bench',
  'chaos',
  'cli',
  'examples',
  'library',
  'server',
  'shared',
  'test',
  'testing',
  'tools',
];

/** Every source file of the repository whose comments engineers read, by its path within it. */
export function sourceFiles(root: string): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(ts|mjs|lua)$/.test(path))
      .map((path) => join(folder, path)),
  );
}

/**
 * The comments of a source file. Neighbouring lines of `//` or `--` are one comment; a paragraph of a block comment is one,
 * its tags (`@returns`) are none. Directives of tools are left out.
 */
export function commentsOf(path: string, source: string): Comment[] {
  const found = path.endsWith('.lua') ? lineComments(source, '--') : blockComments(source);
  return found.filter(({ text }) => text !== '' && !/^(oxlint|@ts|#!)/.test(text));
}

function lineComments(source: string, mark: string): Comment[] {
  const found: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [i, line] of source.split('\n').entries()) {
    const trimmed = line.trim();
    if (!trimmed.startsWith(mark) || trimmed.startsWith('--[[')) open = undefined;
    else if (open) open.text += ` ${trimmed.slice(2).trim()}`;
    else found.push((open = { line: i + 1, text: trimmed.slice(2).trim() }));
  }
  return found;
}

function blockComments(source: string): Comment[] {
  const blocks = [...source.matchAll(/^[ \t]*\/\*\*?([^]*?)\*\//gm)].flatMap(({ 1: body = '', index }) =>
    paragraphsOf(body).map(({ line, text }) => ({ line: lineAt(source, index) + line, text })),
  );
  return [...blocks, ...lineComments(source, '//')];
}

const lineAt = (source: string, index: number) => source.slice(0, index).split('\n').length;

function paragraphsOf(body: string): Comment[] {
  const found: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [line, raw] of body.split('\n').entries()) {
    const text = raw.replace(/^\s*\*?\s*/, '').trim();
    if (text === '' || text.startsWith('@')) open = undefined;
    else if (open) open.text += ` ${text}`;
    else found.push((open = { line, text }));
  }
  return found;
}

/** A sentence without a subject of its own: the reader has to look for what it is about. */
export const beginsWithFragment = ({ text }: Comment): boolean =>
  /^(What|Whatever|Whoever|Who|Whom|Whose|Of|Those|That|It|Its|Which|Whichever|Nor)\b/.test(text);

/** Words that name no role: it is always a client, a server, an agent, an operator or a handler. */
export const namesNoRole = ({ text }: Pick<Comment, 'text'>): boolean =>
  // A word in quotes is one of a reply.
  /\b(somebody|nobody|whoever|anybody|everybody)\b/i.test(text.replace(/["'`]\w+["'`]/g, ''));

/**
 * The titles of the tests and groups in a source file: the strings that `it`, `test` and `describe` get first, and those
 * that follow a table (`it.each(…)('title', …)`).
 */
export function titlesOf(_path: string, source: string): Comment[] {
  const call = /(?<![.\w])(?:it|test|describe)(?:\.\w+)*\(|\)\(/.source;
  const text = /'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/.source;
  // Some suites have an `it` of their own, which takes the transport before the title.
  const firsts = new RegExp(`(?:${call})\\s*(${text})(?:,\\s*(${text}))?`, 'g');
  return [...source.matchAll(firsts)].flatMap(({ 1: first, 2: second, index }) =>
    [first, second].flatMap((title) =>
      title === undefined ? [] : { line: lineAt(source, index), text: title.slice(1, -1) },
    ),
  );
}

/** Returns the comments of all source files that `check` picks, as `path:line: text`, and how many there are in all. */
export const commentsThat = (root: string, check: (comment: Comment) => boolean) =>
  textsThat(root, commentsOf, check);

/** Returns the same of the titles of all tests. */
export const titlesThat = (root: string, check: (title: Comment) => boolean) =>
  textsThat(root, titlesOf, check);

function textsThat(root: string, textsOf: typeof commentsOf, check: (text: Comment) => boolean) {
  const all = sourceFiles(root).flatMap((path) =>
    textsOf(path, readFileSync(join(root, path), 'utf8')).map((one) => ({ path, ...one })),
  );
  const found = all.filter(check).map(({ path, line, text }) => `${path}:${line}: ${text.slice(0, 120)}`);
  return { found, of: all.length };
}
