/**
 * The rows one line of a question takes, none of them wider than `columns`, so that the terminal breaks none of them and each can stand behind a
 * margin. What is not ASCII counts as two columns, the most a terminal gives it: how wide it takes a character to be differs. 0 columns: unknown.
 */
export function toMarginRows(line: string, columns: number): string[] {
  const text = line.replaceAll('\t', '    ')
  if (columns === 0) return [line]
  const room = Math.max(2, columns)
  const rows: string[] = []
  let [row, width] = ['', 0]
  for (const character of text) {
    const taken = character <= '~' ? 1 : 2
    if (width + taken > room) {
      rows.push(row)
      ;[row, width] = ['', 0]
    }
    row += character
    width += taken
  }
  return [...rows, row]
}
