/** What every part of the bench gives: rows of one table, in words and as numbers. */

export interface Options {
  /** Seconds that a load is counted. */
  readonly seconds: number
  /** Measure other programs beside ours; it takes a minute and 2 GiB of memory. */
  readonly peers: boolean
  /** A data folder in which the flights example was shipped; its model is measured in place of the small one. */
  readonly data: string | undefined
  /** Another checkout, with its packages, that `against` measures beside this one. */
  readonly tree?: string | undefined
}

export interface Row {
  readonly name: string
  readonly measured: string
  /** What is to be reached; '' where the row only informs. */
  readonly target: string
  /** The floor or the peer, measured in the same run where it says no source; '' where there is none. */
  readonly beside: string
  /** Whether the target was reached; null where there is none. */
  readonly ok: boolean | null
  /** The same as numbers, for --json. */
  readonly figures: Readonly<Record<string, unknown>>
}

const HEAD = ['name', 'measured', 'target', 'floor or peer', 'ok'] as const

/** The rows as text, columns aligned. */
export function asText(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.name, row.measured, row.target, row.beside, word(row.ok)])
  const widths = HEAD.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n')
}

/** The rows as a table of Markdown, as docs/benchmarks.md has it. */
export function asMarkdown(rows: readonly Row[]): string {
  const head = ['what', 'measured', 'to reach', 'floor or peer in the same run', 'reached']
  const cells = rows.map((row) => [row.name, row.measured, row.target, row.beside, word(row.ok).toLowerCase()])
  return [head, head.map(() => '---'), ...cells].map(markdownLine).join('\n')
}

function markdownLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function word(ok: boolean | null): string {
  return ok === null ? '' : ok ? 'yes' : 'NO'
}

/** Milliseconds with as many digits as say something. */
export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`
}

/** A whole number with commas. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Bytes as MB (10^6), whole. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}
