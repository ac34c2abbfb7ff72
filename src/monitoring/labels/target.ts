/** What the labels of an endpoint can be, told by the labels that its stable version was judged on before it served. */
import { ifRefused } from '../../contract/absence/absent.ts'
import { csvColumns } from '../../store/csv.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'

/**
 * `classes`: few whole numbers, in order, such as 0 and 1. `number`: anything finite, as for a regression. `unknown` where the version
 * has no hold-out; `decides` is true where the endpoint decides between two by a threshold.
 */
export type Target =
  | { readonly kind: 'classes'; readonly values: readonly number[] }
  | { readonly kind: 'number' }
  | { readonly kind: 'unknown'; readonly decides: boolean }

/** Distinct whole numbers up to which labels name classes, and rows of each that a hold-out has on average at least. */
const MOST_CLASSES = 32
const ROWS_OF_CLASS = 5

/** Metrics of models that tell classes apart: whole numbers of a model without one may be counts, of which there can always be more. */
const OF_CLASSES = /accuracy|auc|log_loss|brier|f1|precision|recall/

/** By the digest of the hold-out's predictions and whether it has classes: they never change, and labels come often. */
const known = new Map<string, Target>()
const MOST_KNOWN = 64

/** What the labels of an endpoint can be now. */
export async function targetOf(
  deps: Pick<MonitoringDeps, 'db' | 'referenceOf' | 'readTable'>,
  endpoint: string,
): Promise<Target> {
  const reference = await ifRefused(deps.referenceOf(endpoint), 'not_found')
  const target = reference === undefined ? undefined : await heldOut(deps, reference)
  if (target !== undefined) return target
  const row = await endpointRow(deps.db, endpoint)
  return { kind: 'unknown', decides: row !== undefined && row.threshold !== null }
}

/** Undefined where the version has no hold-out with a column of labels. */
async function heldOut(
  { readTable }: Pick<MonitoringDeps, 'readTable'>,
  { evaluation, metrics }: Pick<Reference, 'evaluation' | 'metrics'>,
): Promise<Target | undefined> {
  if (evaluation === null) return undefined
  const classes = Object.keys(metrics).some((name) => OF_CLASSES.test(name))
  const key = `${evaluation} ${classes}`
  const kept = known.get(key)
  if (kept !== undefined) return kept
  const labels = await ifRefused(labelsIn(readTable, evaluation), 'not_found', 'unprocessable')
  if (labels === undefined || labels.length === 0) return undefined
  const target = targetIn(labels, classes)
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(key, target)
  return target
}

async function labelsIn(readTable: MonitoringDeps['readTable'], tree: string): Promise<number[]> {
  return csvColumns(await readTable(tree), ['y'])
    .flat()
    .map(Number)
}

/** What labels like these can be; `classes`: the model's metrics are those of classes. */
export function targetIn(labels: readonly number[], classes: boolean): Target {
  const values = [...new Set(labels)].toSorted((a, b) => a - b)
  // a hold-out of one outcome does not say that there is no other
  if (values.every((value) => value === 0 || value === 1)) return { kind: 'classes', values: [0, 1] }
  const few = values.length <= MOST_CLASSES && labels.length >= ROWS_OF_CLASS * values.length
  return classes && few && values.every(Number.isInteger) ? { kind: 'classes', values } : { kind: 'number' }
}

/** Whether a number is one of the classes. */
export function isClass({ values }: Extract<Target, { kind: 'classes' }>, label: number): boolean {
  return values.includes(label)
}
