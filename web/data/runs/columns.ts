/** Columns of the table of runs: what a run offers, which are shown at first, their values and their order. */

import { filterName } from './completion.ts'
import { figure } from '../../../src/contract/text/format.ts'

/** The newest run first. */
export const NEWEST = 'attributes.start_time DESC'

const SHOWN_METRICS = 3
const SHOWN_PARAMS = 3

export interface Keys {
  readonly metrics: readonly string[]
  readonly params: readonly string[]
  readonly tags: readonly string[]
}

/** `metrics.KEY`, `params.KEY` and `tags.KEY` for every key; what MLflow and the system log by themselves comes last. */
export function columnsOffered({ metrics, params, tags }: Keys): string[] {
  const own = (key: string): boolean => !isSystem(key)
  return [
    ...metrics.filter(own).map((key) => `metrics.${key}`),
    ...params.map((key) => `params.${key}`),
    ...tags.filter(own).map((key) => `tags.${key}`),
    ...metrics.filter(isSystem).map((key) => `metrics.${key}`),
    ...tags.filter(isSystem).map((key) => `tags.${key}`),
  ]
}

function isSystem(key: string): boolean {
  return key.startsWith('system/') || key.startsWith('mlflow.') || key.startsWith('slipway.')
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

const LONG = 10

/** A value as a cell shows it: long numbers shortened, also those that are text. */
export function cellText(value: number | string | undefined): string {
  if (typeof value !== 'string' || value === 'NaN') return figure(value === 'NaN' ? 'NaN' : value)
  return value.length > LONG && /^-?\d*\.?\d+(?:e[+-]?\d+)?$/i.test(value) ? figure(Number(value)) : value
}

/** The column's name without its kind. */
export function titleOf(column: string): string {
  return column.slice(column.indexOf('.') + 1)
}

/** Order by a column: first descending for metrics, then ascending, then back to the newest first. */
export function nextOrder(order: string, column: string): string {
  const name = filterName(column)
  if (order === `${name} DESC`) return `${name} ASC`
  return order === `${name} ASC` ? NEWEST : `${name} DESC`
}

/** Whether an order is by this column: `ascending`, `descending`, or `none`. */
export function orderState(order: string, column: string): 'ascending' | 'descending' | 'none' {
  const name = filterName(column)
  return order === `${name} ASC` ? 'ascending' : order === `${name} DESC` ? 'descending' : 'none'
}
