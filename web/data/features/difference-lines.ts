/** A side of a difference in lines that people read: what it holds, place by place. */
import { duration } from '../../../src/contract/text/format.ts'

/**
 * The lines of a value that stands at a path: one for a plain value or a list of them, else one for each place below it, such as
 * `of.view: trips`. Spans of time, whose places end in `_ms`, are told in units. Empty for nothing.
 */
export function linesOf(path: string, value: unknown): string[] {
  return leavesOf([], value).map(([below, leaf]) => {
    const text = plainText([path, ...below].at(-1) ?? '', leaf)
    return below.length === 0 ? text : `${below.join('.')}: ${text}`
  })
}

type Leaf = readonly [path: readonly string[], value: unknown]

function leavesOf(path: readonly string[], value: unknown): Leaf[] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object') return [[path, value]]
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return [[path, value.join(', ')]]
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) => leavesOf([...path, nameOf(key, one)], one))
}

/** Of a list the name of what stands there, where it has one. */
function nameOf(key: string, value: unknown): string {
  const isNamed = /^\d+$/.test(key) && typeof value === 'object' && value !== null && 'name' in value
  return isNamed ? String(value.name) : key
}

function plainText(place: string, value: unknown): string {
  if (typeof value === 'number' && place.endsWith('_ms')) return duration(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}
