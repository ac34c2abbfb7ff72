/** Rows one by one, in another order and more than once: what the package answers to them, beside the notebook's own steps and model, and what it keeps from one call to the next. */
import { compareAnswers, comparePredictions, sameNumbers, type Pieces, type Verdict } from './compare.ts'
import type { PieceRecord, Run } from './record.ts'

/** What became of rows that were asked in pieces; `who` answers for the package. Undefined where the original was asked nothing. */
export function comparePieces(original: Run, made: Run, who: string): Pieces | undefined {
  const pieces = original.pieces ?? []
  const why = original.unasked ?? ''
  if (pieces.length === 0) return why === '' ? undefined : { rows: 0, verdict: 'not compared', why, batch: '' }
  if (made.failed !== null || made.probe === null || made.probe.k === 'fault')
    return { rows: 0, verdict: 'not compared', why: `${who} does not answer all rows together`, batch: '' }
  const asked = pieces.filter(({ answer }) => answer.k !== 'fault' && answer.k !== 'skip')
  const outcomes = asked.map((one) => outcomeOf(one, original, made, who))
  const verdicts = outcomes.map(({ verdict }) => verdict)
  return {
    rows: asked.filter(({ rows }) => rows.length === 1).length,
    verdict: worst(verdicts),
    why: outcomes.find(({ why: text }) => text !== '')?.why ?? untold(original),
    batch: pieces.map(dependence).find((text) => text !== '') ?? '',
  }
}

/** What the package answers otherwise to the same rows after others, and what it keeps that the notebook does not; empty where nothing. */
export function compareKept(original: Run, made: Run): string[] {
  if (made.failed !== null) return []
  const found = againOtherwise(original, made)
  const [kept] = original.keeps?.length === 0 ? (made.keeps ?? []) : []
  const state = `${kept} is another after predict.py has answered, and nothing of the notebook is after its own model has`
  return [...found, ...(kept === undefined ? [] : [state])]
}

function againOtherwise(original: Run, made: Run): string[] {
  const { pieces = [] } = original
  const { repeated = [], again } = made
  if (pieces.length === 0 || again === undefined) return []
  const who = 'predict.py, asked once more,'
  const one = comparePieces(original, { ...made, pieces: repeated }, who)
  const together = comparePredictions(original, { ...made, probe: again })?.differences ?? []
  return [...(one?.verdict === 'not verified' ? [one.why] : []), ...together.map((what) => `${who} ${what}`)]
}

/** What of all this nobody can tell; empty where both were asked for all of it. */
function untold(original: Run): string {
  return [untoldKept(original), original.undoubled ?? ''].filter((one) => one !== '').join('; ')
}

/** What of what the package keeps nobody can tell; empty where all of it. */
function untoldKept({ keeps }: Run): string {
  if (keeps === undefined) return ''
  const names = keeps.length > 3 ? `${keeps.slice(0, 3).join(', ')} and more` : keeps.join(', ')
  return keeps.length === 0
    ? ''
    : `what predict.py keeps between calls is known by its answers alone, for the notebook keeps ${names}`
}

export function worst(verdicts: readonly Verdict[]): Pieces['verdict'] {
  if (verdicts.length === 0) return 'not compared'
  const order = ['not verified', 'within tolerance'] as const
  return order.find((one) => verdicts.includes(one)) ?? 'verified'
}

function outcomeOf(piece: PieceRecord, original: Run, made: Run, who: string): Outcome {
  const other = made.pieces?.find(({ rows }) => rows.join() === piece.rows.join())
  if (other === undefined) return { verdict: 'not verified', why: `${who} was not asked row by row` }
  return compareOne(piece, other, { original, made, who, how: (row) => how(piece, row) })
}

export interface Outcome {
  readonly verdict: Verdict
  /** What differs; empty where nothing. */
  readonly why: string
}

interface Compared {
  readonly original: Run
  readonly made: Run
  /** Who answers for the package. */
  readonly who: string
  /** A row, as a person would ask for it. */
  readonly how: (row: number) => string
}

/** Two answers to the same rows, the first of which is one. */
export function compareOne(
  piece: PieceRecord,
  other: PieceRecord,
  { original, made, who, how: of }: Compared,
): Outcome {
  const [first = 0] = piece.rows
  if (other.answer.k === 'fault')
    return {
      verdict: 'not verified',
      why: `${of(first)}: ${who} does not answer (${other.answer.why}), the notebook's own model ${piece.texts[0] ?? 'does'}`,
    }
  const sides = { a: original.numbers, b: made.numbers }
  const { verdict, differences } = compareAnswers(piece.answer, other.answer, sides, 'the answer')
  if (verdict !== 'not verified') return { verdict, why: '' }
  const at = otherAt(piece.texts, other.texts)
  const [what = ''] = differences
  if (at < 0) return { verdict, why: `${of(first)}: ${what.replace(/in the package$/, `by ${who}`)}` }
  return {
    verdict,
    why: `${of(piece.rows[at] ?? 0)}: ${who} answers ${other.texts[at]}, the notebook's own model ${piece.texts[at]}`,
  }
}

/** The first place where two lists of answers differ by more than rounding; negative where nobody can tell. */
function otherAt(a: readonly string[], b: readonly string[]): number {
  if (a.length !== b.length) return -1
  return a.findIndex((one, at) => one !== b[at] && !sameNumbers(one, b[at] ?? ''))
}

/** Which row, as a person would ask for it. Rows are counted from 0. */
function how({ rows }: PieceRecord, row: number): string {
  if (rows.length === 1) return `row ${row}, asked alone`
  if (rows.length === 2 && rows[0] === 0 && rows[1] === 1) return `row ${row}, asked with one other`
  return new Set(rows).size < rows.length ? `row ${row}, asked more than once` : `row ${row}, asked in another order`
}

/** What the notebook's own model answers to rows otherwise than among all of them. */
function dependence(piece: PieceRecord): string {
  const { answer, rows, texts, among = [] } = piece
  if (answer.k === 'fault')
    return `${how(piece, rows[0] ?? 0)}: the notebook's own model does not answer (${answer.why}), as it does among all rows`
  const at = otherAt(texts, among)
  return at < 0
    ? ''
    : `${how(piece, rows[at] ?? 0)}: the notebook's own model answers ${texts[at]}, and among all rows ${among[at]}`
}
