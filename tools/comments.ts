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
export const namesNoRole = ({ text }: Comment): boolean =>
  // A word in quotes is one of a reply.
  /\b(somebody|nobody|whoever|anybody)\b/i.test(text.replace(/["'`]\w+["'`]/g, ''));

/** Returns the comments of all source files that `check` picks, as `path:line: text`, and how many there are in all. */
export function commentsThat(root: string, check: (comment: Comment) => boolean) {
  const all = sourceFiles(root).flatMap((path) =>
    commentsOf(path, readFileSync(join(root, path), 'utf8')).map((comment) => ({ path, ...comment })),
  );
  const found = all.filter(check).map(({ path, line, text }) => `${path}:${line}: ${text.slice(0, 120)}`);
  return { found, of: all.length };
}
