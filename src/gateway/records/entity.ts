/** What a request names its entities by, as it is logged beside the row that the model was given: with it the row can be joined anew. */
import type { CellOf, Rows } from '../../scoring/rows/rows.ts'
import type { FeaturesRoute } from '../table/table.ts'
import { packColumn } from './packed.ts'
import type { BatchRecord, PredictionRecord } from './records.ts'

/** By the service of a route, which stands for as long as its table does. */
const names = new WeakMap<FeaturesRoute, readonly string[]>()

/** The keys of a service, and the fields that its on-demand features take of a request; none without a service. */
function namesOf(features: FeaturesRoute | undefined): readonly string[] {
  if (features === undefined) return []
  const known = names.get(features)
  if (known !== undefined) return known
  const { views, on_demand } = features.definition
  const fields = on_demand.flatMap(({ inputs }) =>
    inputs.flatMap(({ of }) => (of.kind === 'request' ? [of.field] : [])),
  )
  const all = [...new Set([...views.flatMap(({ keys }) => keys), ...fields])]
  names.set(features, all)
  return all
}

/** Of the first row. What the request does not have is left out. */
export function entityOf(features: FeaturesRoute | undefined, rows: Rows): Pick<PredictionRecord, 'e'> {
  const wanted = namesOf(features)
  if (wanted.length === 0) return {}
  const cell = rows.cells(wanted)
  const found = wanted.flatMap((name, j) => {
    const value = cell(0, j)
    return value === undefined ? [] : [[name, logged(value)] as const]
  })
  return found.length === 0 ? {} : { e: Object.fromEntries(found) }
}

/** The columns of rows `from` to `to`, beginning with 0. A column that no row of the request has is left out. */
export function entityColumns(
  features: FeaturesRoute | undefined,
  rows: Rows,
): (from: number, to: number) => Pick<BatchRecord, 'es'> {
  const wanted = namesOf(features)
  const cell = rows.cells(wanted)
  const there = wanted.flatMap((name, j) => (isGiven(cell, rows.count, j) ? [[name, j] as const] : []))
  if (there.length === 0) return () => ({})
  return (from, to) => ({
    es: Object.fromEntries(
      there.map(([name, j]) => [
        name,
        packColumn(Array.from({ length: to - from }, (_, i) => logged(cell(from + i, j)))),
      ]),
    ),
  })
}

function isGiven(cell: CellOf, count: number, j: number): boolean {
  for (let i = 0; i < count; i++) if (cell(i, j) !== undefined) return true
  return false
}

/** As JSON has it: a whole number beyond 2^53 is a text of its digits, and what is no key and no field is null. */
function logged(value: unknown): string | number | boolean | null {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}
