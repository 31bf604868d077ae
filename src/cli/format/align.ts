type Columns = { readonly minWidth: number; readonly padding: number }
const USUAL: Columns = { minWidth: 10, padding: 3 }

/**
 * Aligns tab-separated cells in columns, as Go's tabwriter does with Docker's settings: a column is made of the cells
 * that stand under each other without a gap and end with a tab; the last cell of a line belongs to none.
 */
export const align = (text: string, { minWidth, padding }: Columns = USUAL): string => {
  const lines = text.split('\n').map(line => line.split('\t'))
  const widths = lines.map(line => line.map(() => 0))
  for (let column = 0; lines.some(line => line.length > column + 1); column++) {
    for (let start = 0; start < lines.length; ) {
      let end = start
      let width = minWidth
      for (; end < lines.length && (lines[end] as string[]).length > column + 1; end++)
        width = Math.max(width, [...((lines[end] as string[])[column] as string)].length + padding)
      for (let row = start; row < end; row++) (widths[row] as number[])[column] = width
      start = Math.max(end, start + 1)
    }
  }
  return lines
    .map((line, row) =>
      line
        .map(
          (cell, column) =>
            cell + ' '.repeat(Math.max(0, ((widths[row] as number[])[column] as number) - [...cell].length)),
        )
        .join(''),
    )
    .join('\n')
}
