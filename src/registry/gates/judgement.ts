/** A version judged from its tables, as a verdict's inputs name them. */
import type { Gate, GateResult } from '../../contract/registry.ts'
import { readEvaluation } from './evaluation.ts'
import { judge } from './gates.ts'
import type { Incumbent, Judged } from './inputs.ts'
import { textOf } from './tables.ts'
import type { Bytes } from './tables.ts'

/** All that decides the results; only bytes and figures, so that it can be given to a thread. */
export interface JudgeTask {
  readonly gates: readonly Gate[]
  readonly facts: Omit<Judged, 'evaluation'>
  readonly evaluation: Bytes
  /** Production's scores of the same rows, where they were computed here: little-endian doubles. */
  readonly scores: Bytes
  /** Predictions of incumbents by the alias that a gate names. */
  readonly tables: Readonly<Record<string, Bytes>>
}

/** Judges every gate. Takes seconds of CPU for large tables. Throws `unprocessable` for predictions that cannot be read. */
export function judgeTables({ gates, facts, evaluation, scores, tables }: JudgeTask): GateResult[] {
  const written = evaluation === null ? null : readEvaluation(textOf(evaluation))
  const own = written === null || scores === null ? written : { ...written, incumbent: doublesOf(scores) }
  const incumbents = Object.entries(facts.incumbents).map(([alias, one]): [string, Incumbent] => {
    const table = tables[alias] ?? null
    return [alias, { ...one, rows: table === null ? null : readEvaluation(textOf(table)) }]
  })
  return judge(gates, { ...facts, evaluation: own, incumbents: Object.fromEntries(incumbents) })
}

function doublesOf(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
