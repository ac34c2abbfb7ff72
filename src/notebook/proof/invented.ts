/** Made-up rows: what the package answers to values that the rows of the notebook do not have, beside the notebook's own steps and model. */
import type { Invented } from './compare.ts'
import { compareOne, worst, type Outcome } from './pieces.ts'
import type { CaseRecord, Run } from './record.ts'

/** What of the original's made-up rows the package is asked with. */
export function casesOf({ invented }: Run): Pick<CaseRecord, 'rows' | 'column' | 'name' | 'how'>[] {
  return (invented?.cases ?? []).map(({ rows, column, name, how }) => ({ rows, column, name, how }))
}

/** What became of made-up rows; undefined where the original was asked for none and says nothing of them. */
export function compareInvented(original: Run, made: Run): Invented | undefined {
  const { cases, left } = original.invented ?? { cases: [], left: '' }
  // what an answer is cannot always be looked at
  const asked = cases.filter(({ answer }) => answer.k !== 'skip')
  if (asked.length === 0)
    return left === '' ? undefined : { rows: 0, refused: 0, verdict: 'not compared', why: '', left }
  if (made.failed !== null || made.probe === null || made.probe.k === 'fault')
    return {
      rows: 0,
      refused: 0,
      verdict: 'not compared',
      why: '',
      left: 'predict.py does not answer all rows together',
    }
  const outcomes = asked.map((one) => outcomeOf(one, original, made))
  const refused = asked.filter(({ answer }) => answer.k === 'fault')
  return {
    rows: count(asked),
    refused: count(refused),
    verdict: worst(outcomes.map(({ verdict }) => verdict)),
    why: outcomes.find(({ why }) => why !== '')?.why ?? '',
    left,
  }
}

function count(cases: readonly CaseRecord[]): number {
  return cases.reduce((all, { rows }) => all + rows.length, 0)
}

/** Two answers, or two refusals, which are alike whatever they say. */
function outcomeOf(one: CaseRecord, original: Run, made: Run): Outcome {
  const other = made.invented?.cases.find((found) => isSame(one, found))
  if (other === undefined)
    return { verdict: 'not verified', why: `${inWords(one, one.rows[0] ?? 0)}: predict.py did not come to answer it` }
  if (one.answer.k !== 'fault')
    return compareOne(one, other, { original, made, who: 'predict.py', how: (row) => inWords(one, row) })
  if (other.answer.k === 'fault') return { verdict: 'verified', why: '' }
  const answer = other.texts[0] === undefined ? 'answers' : `answers ${other.texts[0]}`
  return {
    verdict: 'not verified',
    why: `${inWords(one, one.rows[0] ?? 0)}: predict.py ${answer}, the notebook's own model does not answer (${one.answer.why})`,
  }
}

function isSame(one: CaseRecord, other: CaseRecord): boolean {
  return one.column === other.column && one.how === other.how && one.rows.length === other.rows.length
}

const HOW: Readonly<Record<CaseRecord['how'], string>> = {
  missing: 'missing',
  below: 'below its range',
  above: 'above its range',
  unknown: 'of an unknown category',
}

/** A row that a person could ask for. Rows are counted from 0. */
function inWords({ name, how }: CaseRecord, row: number): string {
  return `row ${row} with ${name} ${HOW[how]}`
}
