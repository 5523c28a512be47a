/** Rows of text in aligned columns. */

/** The first row is the heading. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [heading, ...rest] = rows.map(line);
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [heading, rule, ...rest].join('\n');
}
