import { isTargetId, type TargetId } from '../targets.js';

/** The cause that bounds each missed target, written by hand: the sections of `notes.md`. */
export type Notes = ReadonlyMap<TargetId, string>;

/**
 * Reads `## <target>` and the Markdown below it, again and again. What comes before the first is for readers
 * of the file.
 *
 * @throws when a heading names no target: its note would never be shown
 */
export function parseNotes(markdown: string): Notes {
  const [, ...sections] = markdown.split(/^## /m);
  return new Map(
    sections.map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const id = heading.trim();
      if (!isTargetId(id)) throw new Error(`notes.md: no target is called "${id}"`);
      return [id, lines.join('\n').trim()] as const;
    }),
  );
}
