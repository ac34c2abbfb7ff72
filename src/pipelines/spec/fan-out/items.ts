/** The items of a step with `for_each`: how many there are, what each is, and which params take it. */
import { inputsOfItems } from '../external/inputs.ts'
import { paramOfList, shareOf, sourceNamed, type ColumnType, type Given } from './schema.ts'

/** `for_each` as a spec keeps it. */
export interface ForEach {
  /** The list as written, else the param of the pipeline that is the list, else a range with both ends, else rows or files of a source. */
  readonly list?: readonly unknown[]
  readonly param?: string
  readonly range?: readonly [from: number, to: number, step: number]
  readonly rows?: { readonly source: string; readonly columns: Readonly<Record<string, ColumnType>> }
  /** With the inputs of the step that are the file of the item. */
  readonly files?: { readonly source: string; readonly inputs: readonly string[] }
  /** Param of the step → the keys by which its value is reached in an item; none = the item as a whole. */
  readonly takes: Readonly<Record<string, readonly string[]>>
  readonly at_once: number | null
  /** Share of items that must succeed, or a number of them; `one` at least with `collect`. */
  readonly needed: { readonly share: number } | { readonly count: number }
  /** How that was written. */
  readonly failures: string
}

/** As the value of a param: the item, or what lies in it. */
const ITEM = /^\{item((?:\.[A-Za-z_]\w*)*)\}$/

/** The keys by which a param takes its value from an item; undefined of one that takes nothing from it. */
export function pathInItem(value: unknown): string[] | undefined {
  const found = typeof value === 'string' ? ITEM.exec(value)?.[1] : undefined
  return found?.split('.').slice(1)
}

/** The params of a step that take from its items. */
export function takenFromItems(params: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const pairs = Object.entries(params).flatMap(([name, value]) => {
    const path = pathInItem(value)
    return path === undefined ? [] : [[name, path] as const]
  })
  return Object.fromEntries(pairs)
}

/** A step of a project file, as far as its items ask. */
export interface ForEachStep {
  readonly run: string | readonly (string | number)[]
  readonly inputs: Readonly<Record<string, string>>
  readonly params: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string>>
  readonly for_each?: Given | undefined
}

/** The source of which a step runs for the rows or files. */
export function sourceOfItems(each: ForEach | undefined): string | undefined {
  return (each?.rows ?? each?.files)?.source
}

/** The sources that a step takes as inputs, and the one whose rows or files it runs for. */
export function sourcesOfStep(step: {
  readonly sources?: Readonly<Record<string, string>>
  readonly for_each?: ForEach
}): string[] {
  const ofItems = sourceOfItems(step.for_each)
  return [...Object.values(step.sources ?? {}), ...(ofItems === undefined ? [] : [ofItems])]
}

/** What a spec keeps of a step's `for_each`. */
export function forEachOf({
  for_each: given,
  inputs,
  params,
}: Pick<ForEachStep, 'for_each' | 'inputs' | 'params'>): ForEach | undefined {
  if (given === undefined) return undefined
  const { item, range, rows, columns = {}, files, failures } = given
  const param = paramOfList(item)
  return {
    ...(Array.isArray(item) && { list: item }),
    ...(param !== undefined && { param }),
    ...(range !== undefined && { range: [range[0] ?? 0, range[1] ?? 0, range[2] ?? 1] as const }),
    ...(rows !== undefined && { rows: { source: sourceNamed(rows), columns } }),
    ...(files !== undefined && { files: { source: sourceNamed(files), inputs: Object.keys(inputsOfItems(inputs)) } }),
    takes: takenFromItems(params),
    at_once: given.at_once ?? null,
    needed: neededBy(failures),
    failures: typeof failures === 'string' ? failures : `at_least ${failures.at_least}`,
  }
}

function neededBy(failures: Given['failures']): ForEach['needed'] {
  if (failures === 'stop') return { share: 1 }
  if (failures === 'collect') return { count: 1 }
  const share = shareOf(failures.at_least)
  return share === undefined ? { count: Number(failures.at_least) } : { share }
}

/** How many of so many items must succeed. Of none, none. */
export function neededOf({ needed }: Pick<ForEach, 'needed'>, count: number): number {
  if (count === 0) return 0
  return 'count' in needed ? needed.count : Math.ceil(needed.share * count - 1e-9)
}

/** The items of a step in a run. */
export interface Items {
  readonly count: number
  /** The value of an item by its number, from 0. */
  at(number: number): unknown
}

/** The items of a list or a range; `values` are those of the pipeline's params in the run. */
export function itemsOf(each: ForEach, values: Readonly<Record<string, unknown>>): Items {
  if (each.range !== undefined) {
    const [from, , step] = each.range
    return { count: rangeCount(each.range), at: (number) => from + number * step }
  }
  const given = each.param === undefined ? each.list : values[each.param]
  const list: readonly unknown[] = Array.isArray(given) ? given : []
  return { count: list.length, at: (number) => list[number] }
}

/** How many numbers a range has with both ends; 0 where it leads away from its end. */
export function rangeCount([from, to, step]: NonNullable<ForEach['range']>): number {
  return step === 0 ? 0 : Math.max(0, Math.floor((to - from) / step) + 1)
}

/** The params that an item gives. Throws for an item without what a param takes, which no project file that was accepted has. */
export function itemParams(
  { for_each: each }: { readonly for_each?: ForEach },
  item: unknown,
): Record<string, unknown> {
  const pairs = Object.entries(each?.takes ?? {}).map(([name, path]) => {
    const value = valueIn(item, path)
    if (value === undefined) throw new Error(`the item has no ${path.join('.')}`)
    return [name, value] as const
  })
  return Object.fromEntries(pairs)
}

/** What lies in an item under keys; undefined where it has no such key. */
export function valueIn(item: unknown, path: readonly string[]): unknown {
  let value = item
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
