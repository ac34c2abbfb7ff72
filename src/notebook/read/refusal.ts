/** What cannot be packaged is refused by a code, with the cell, what was found and what to do. */
import { Problem } from '../../contract/errors.ts'

/** Why research code cannot be packaged as it is. */
export interface Reason {
  /** D1 to D15, or a word such as `format`, `kernel`, `model`. */
  readonly code: string
  readonly cell: number | null
  readonly line?: number
  readonly message: string
  /** What to do. */
  readonly remedy: string
}

/** A refusal whose message says every reason whole: the table of errors would cut it. */
class Refusal extends Problem {
  constructor(reasons: readonly Reason[]) {
    super('unprocessable', { detail: 'the code cannot be packaged', reason: 'notebook', reasons })
    this.message = reasons.map(sentence).join('\n')
  }
}

/** The refusal of one or more reasons, as the command line prints it. */
export function refusal(reasons: readonly Reason[]): Problem {
  return new Refusal(reasons)
}

/** A reason in one line. */
function sentence({ code, cell, line, message, remedy }: Reason): string {
  const where = cell === null ? '' : `cell ${cell}${line === undefined ? '' : `, line ${line}`}: `
  return `${code}: ${where}${message}; ${remedy}`
}
