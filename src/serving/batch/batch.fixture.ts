/** A table in memory and a backend that is told what to do: what tests of a batch score. */
import { problem } from '../../contract/errors.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { scoreOf } from '../../scoring/rows/scores.ts'
import type { Engine } from './score.ts'
import type { Source, SourceRow } from './table.ts'

export const INPUTS: readonly InputField[] = [
  { name: 'x', kind: 'number', required: true, dtype: 'double' },
  { name: 'c', kind: 'string', required: false, dtype: 'string' },
]

/** A table of the columns x, note and c; line 1 is its header. */
export function tableOf(rows: readonly (readonly unknown[] | { readonly fault: string })[]): Source {
  const lines = rows.map((row, i): SourceRow => {
    const line = i + 2
    return 'fault' in row ? { line, cells: [null, null, null], fault: row.fault } : { line, cells: row }
  })
  return {
    columns: [{ name: 'x' }, { name: 'note' }, { name: 'c' }],
    word: 'line',
    first: { at: 0, line: 2 },
    size: rows.length,
    async read({ at }, count) {
      const end = Math.min(rows.length, at + count)
      return { rows: lines.slice(at, end), next: { at: end, line: end + 2 }, end: end === rows.length }
    },
    value: (cell) => cell,
    close: async () => undefined,
  }
}

/** A row whose x the model raises at. */
export const POISON = -999

/** A backend that doubles x, raises at POISON, and keeps the sizes of the calls that it got. */
export function doubling(predict: (x: number) => unknown = (x) => 2 * x): { engine: Engine; calls: number[] } {
  const calls: number[] = []
  const backend: Backend = {
    ready: () => true,
    async score(rows) {
      calls.push(rows.length)
      if (rows.some(([x]) => x === POISON)) throw problem('upstream_failed', { what: 'the model', detail: 'it raised' })
      return rows.map(([x]) => answer(predict(x as number)))
    },
    close: async () => undefined,
    describe: () => ({}),
  }
  return { engine: { backend, inputs: INPUTS, lanes: 2 }, calls }
}

const answer = (prediction: unknown) => ({ prediction, score: scoreOf(prediction) })

/** A backend that answers by a function alone. */
export function engineOf(score: (rows: readonly Value[][]) => unknown, lanes = 1): Engine {
  const backend = { ready: () => true, score, close: async () => undefined, describe: () => ({}) } as unknown as Backend
  return { backend, inputs: INPUTS, lanes }
}
