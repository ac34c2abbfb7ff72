/** Golden values: lines with numbers that the file keeps as outputs, or that the proof saw, and which the package has to print again. */
import { sameNumbers } from '../proof/compare.ts'
import type { Run } from '../proof/record.ts'
import { secretsIn } from '../read/secret-text.ts'
import { codeWords, type Program } from '../rewrite/program.ts'
import { scrubbed } from '../rewrite/scrubbed.ts'

const MOST = 40
const ADDRESS = /0x[0-9a-f]{6,}|\d{1,2}:\d\d:\d\d|seconds|elapsed|\bin \d+(?:\.\d+)?s\b/i

export interface Golden {
  readonly cell: number
  readonly text: string
}

export interface Goldens {
  readonly kept: readonly Golden[]
  /** Stored lines that the original itself did not print again. */
  readonly lost: readonly Golden[]
  /** Whether they are from the outputs that the file keeps, and not only from the proof. */
  readonly stored: boolean
}

/** Lines that the tests of the package hold it to. `shows` are cells whose shown value goes to the log. */
export function goldens(program: Program, shows: ReadonlySet<number>, original: Run | undefined): Goldens {
  const hasNoSecret = lookForSecrets(program)
  const stored = program.research.cells.flatMap(({ id, outputs }) =>
    outputs
      .filter(({ kind }) => kind === 'stream' || (kind === 'result' && shows.has(id)))
      .flatMap(({ text }) => linesOf(text).map((line): Golden => ({ cell: id, text: line }))),
  )
  if (original === undefined)
    return { kept: stored.filter(hasNoSecret).slice(0, MOST), lost: [], stored: stored.length > 0 }
  const printed = original.cells.flatMap((cell) =>
    linesOf(`${cell.printed}\n${shows.has(cell.id) ? (cell.shown ?? '') : ''}`).map((text): Golden => ({
      cell: cell.id,
      text,
    })),
  )
  if (stored.length === 0) return { kept: printed.filter(hasNoSecret).slice(0, MOST), lost: [], stored: false }
  const again = (one: Golden): boolean =>
    printed.some(({ cell, text }) => cell === one.cell && (text === one.text || sameNumbers(text, one.text)))
  return {
    kept: stored.filter((one) => hasNoSecret(one) && again(one)).slice(0, MOST),
    lost: stored.filter((one) => !again(one)).slice(0, MOST),
    stored: true,
  }
}

/** A line with a secret is no figure: masked it is never printed again. */
function lookForSecrets(program: Program): (one: Golden) => boolean {
  const words = codeWords(program)
  return ({ text }) => scrubbed(program, text) === text && secretsIn(text, words).length === 0
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /\d/.test(line) && line.length <= 200 && !ADDRESS.test(line))
}
