/** Columns as wide as their widest cell; all but the first to the right. */
export function tableText(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => row[i]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('   ')
      .trimEnd(),
  );
}

/** The same as Markdown. @param rows the first is the head. @param rest where all but the first column stand */
export function tableMarkdown(
  [head = [], ...rows]: readonly (readonly string[])[],
  rest: 'left' | 'right' = 'right',
): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    line(head),
    `|${head.map((_, i) => (i === 0 || rest === 'left' ? '---' : '---:')).join('|')}|`,
    ...rows.map(line),
  ].join('\n');
}

const escaped = (cell: string) => cell.replaceAll('|', '\\|');
