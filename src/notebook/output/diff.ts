/** The difference of two texts, line by line. */

/** Cells of more lines than this are shown as removed and added as a whole: the table would take their product. */
const MOST = 2000

/** Lines with ` ` for both, `-` for the first only, `+` for the second only: the shortest such list. */
export function difference(before: string, after: string): string[] {
  const [a, b] = [linesOf(before), linesOf(after)]
  if (a.length > MOST || b.length > MOST) return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)]
  const common = table(a, b)
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(` ${a[i]}`)
      i += 1
      j += 1
    } else if (j >= b.length || (i < a.length && (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0))) {
      lines.push(`-${a[i]}`)
      i += 1
    } else {
      lines.push(`+${b[j]}`)
      j += 1
    }
  }
  return lines
}

/** Length of the longest common part of what stands from each pair of lines on. */
function table(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = rows[i]
      if (row === undefined) continue
      row[j] = a[i] === b[j] ? (rows[i + 1]?.[j + 1] ?? 0) + 1 : Math.max(rows[i + 1]?.[j] ?? 0, row[j + 1] ?? 0)
    }
  return rows
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
