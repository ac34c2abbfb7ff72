/** Columns of the table of runs: what a run offers, which are shown at first, their values and their order. */

/** The newest run first. */
export const NEWEST = 'attributes.start_time DESC'

const SHOWN_METRICS = 3
const SHOWN_PARAMS = 3

export interface OfferingRun {
  readonly metrics: readonly { readonly key: string }[]
  readonly params: Readonly<Record<string, string>>
}

/** `metrics.KEY` and `params.KEY` for everything that a run has; system metrics last. */
export function columnsOffered(run: OfferingRun): string[] {
  const keys = run.metrics.map((metric) => metric.key)
  return [
    ...keys.filter((key) => !isSystem(key)).map((key) => `metrics.${key}`),
    ...Object.keys(run.params).map((key) => `params.${key}`),
    ...keys.filter(isSystem).map((key) => `metrics.${key}`),
  ]
}

function isSystem(key: string): boolean {
  return key.startsWith('system/')
}

/** The first metrics and params of what is offered. */
export function defaultColumns(offered: readonly string[]): string[] {
  return [
    ...offered.filter((column) => column.startsWith('metrics.')).slice(0, SHOWN_METRICS),
    ...offered.filter((column) => column.startsWith('params.')).slice(0, SHOWN_PARAMS),
  ]
}

export interface ValuedRun {
  readonly metrics: Readonly<Record<string, number | 'NaN'>>
  readonly params: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
}

/** The value of a column in a row; undefined when the run has none. */
export function cellOf(run: ValuedRun, column: string): number | string | undefined {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  const kind = column.slice(0, dot)
  return kind === 'metrics' ? run.metrics[key] : kind === 'params' ? run.params[key] : run.tags[key]
}

/** The column's name without its kind. */
export function titleOf(column: string): string {
  return column.slice(column.indexOf('.') + 1)
}

/** Order by a column: first descending for metrics, then ascending, then back to the newest first. */
export function nextOrder(order: string, column: string): string {
  const name = orderName(column)
  if (order === `${name} DESC`) return `${name} ASC`
  return order === `${name} ASC` ? NEWEST : `${name} DESC`
}

/** Whether an order is by this column: `ascending`, `descending`, or `none`. */
export function orderState(order: string, column: string): 'ascending' | 'descending' | 'none' {
  const name = orderName(column)
  return order === `${name} ASC` ? 'ascending' : order === `${name} DESC` ? 'descending' : 'none'
}

function orderName(column: string): string {
  const dot = column.indexOf('.')
  const key = column.slice(dot + 1)
  return /^\w+$/.test(key) ? column : `${column.slice(0, dot)}.\`${key}\``
}
