/** Where commands write: results on standard output, progress on standard error, JSON when it is asked for. */
import { styleText } from 'node:util'

export interface Output {
  readonly json: boolean
  /** One line of a result for people; nothing with --json. */
  line(text: string): void
  /** The result as data; printed with --json only. */
  data(value: unknown): void
  /** Progress: replaces its line on a terminal, is a plain line elsewhere when it changes, on standard error. */
  progress(text: string): void
  /** A table with a head; nothing with --json. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
}

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan'

/** Colours a text when the stream that it is for (standard output) is a terminal that wants it. */
export function paint(style: Style, text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  return stream.isTTY === true && process.env['NO_COLOR'] === undefined ? styleText(style, text) : text
}

export function output(json: boolean): Output {
  const tty = process.stderr.isTTY
  let open = false
  let before = ''
  const closeLine = (): void => {
    if (open) process.stderr.write('\r\u001b[K')
    open = false
  }
  return {
    json,
    line(text) {
      closeLine()
      if (!json) process.stdout.write(`${text}\n`)
    },
    data(value) {
      closeLine()
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
    },
    progress(text) {
      if (!tty) {
        if (text !== before) process.stderr.write(`${text}\n`)
        before = text
        return
      }
      process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 100) - 1)}`)
      open = true
    },
    table(head, rows) {
      closeLine()
      if (!json) process.stdout.write(`${formatTable(head, rows)}\n`)
    },
  }
}

/** Columns padded to their widest cell, two spaces between. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)))
  const format = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return [paint('bold', format(head)), ...rows.map(format)].join('\n')
}

function nothing(): void {
  // says nothing
}

/** An output that says nothing, for work in the background. */
export const SILENT: Output = { json: false, line: nothing, data: nothing, progress: nothing, table: nothing }
