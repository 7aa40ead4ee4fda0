import { seenWidth } from './colours.js';

/** Rows of text in columns, the last one as long as it is. A cell that is painted is as wide as what one sees. */
export function tableText(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => seenWidth(row[i] ?? ''))),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** One row of a table whose other rows are not known yet. */
export function rowText(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, i) => pad(cell, widths[i] ?? 0))
    .join('  ')
    .trimEnd();
}

const pad = (cell: string, width: number) => cell + ' '.repeat(Math.max(0, width - seenWidth(cell)));
