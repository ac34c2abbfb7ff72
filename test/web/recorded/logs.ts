/** Recorded logs: of sixty lines, and of a million, each of which tells its number. */
import type { logsApi } from '../../../src/contract/pipelines/logs.ts'
import type { Reply } from '../../../src/contract/route.ts'

type Part = Reply<typeof logsApi.readLogPart>

/** Whose step `train` has the long one. */
export const LONG_RUN = 'run_01k2c41'
export const LONG_LINES = 1_000_000
/** Bytes of each of its lines. */
const LINE = 64

/** A line of the long log, from 0. */
export function longLine(n: number): string {
  return `${`line ${n}: loss ${(0.69 * 0.999_997 ** n).toFixed(6)}, images 1024`.padEnd(LINE - 1)}\n`
}

export const SHORT = Array.from(
  { length: 60 },
  (_, i) => `iteration ${i + 1}: log loss ${(0.69 * 0.99 ** i).toFixed(4)}\n`,
).join('')

/** Written while the short one is followed. */
export const LAST = 'the model is saved\n'

export function part(run: string, query: URLSearchParams): Part {
  const asked = Number(query.get('from') ?? 0)
  const most = Number(query.get('most') ?? 0)
  if (run !== LONG_RUN) {
    const size = SHORT.length
    return { attempt: 1, attempts: 1, from: 0, to: size, size, text: SHORT, running: false }
  }
  const size = LONG_LINES * LINE
  const first = Math.ceil((asked < 0 ? Math.max(0, size + asked) : Math.min(asked, size)) / LINE)
  const last = Math.min(LONG_LINES, first + Math.floor(most / LINE))
  const text = Array.from({ length: last - first }, (_, i) => longLine(first + i)).join('')
  const attempt = Number(query.get('attempt') ?? 3)
  return { attempt, attempts: 3, from: first * LINE, to: last * LINE, size, text, running: attempt === 3 }
}
