/** Faults of `for_each` that can be told before anything runs. */
import { filled, ungiven, ungivenTogether } from '../../../contract/values/handed.ts'
import type { Declared } from '../../../contract/values/params.ts'
import type { ForEach, ForEachStep } from './items.ts'
import { forEachOf, itemParams, itemsOf, neededOf, pathInItem, rangeCount, sourceOfItems, valueIn } from './items.ts'
import { inputsOfItems } from '../external/inputs.ts'
import { partFaultOfSource, sourceFaults, type Sources } from './from-source.ts'
import { MOST_ITEMS } from './schema.ts'

/** Inside of a value that is more than the item alone. */
const INSIDE = /\{item(?:\.[A-Za-z_]\w*)*\}/

/** Longest item that a message repeats, characters. */
const SHOWN = 60

type Path = readonly PropertyKey[]

/** A fault at a path of the project file. */
interface Said {
  readonly path: Path
  readonly message: string
}

interface Around {
  readonly declared: Readonly<Record<string, Declared>> | undefined
  /** True where declarations were left out, of which nothing can be said. */
  readonly isLeft: boolean
  /** True where params of the step were left out. */
  readonly isCut: boolean
  readonly sources: Sources
}

/** Every fault of a step's `for_each`; a step without one has none. */
export function forEachFaults(here: Path, step: ForEachStep, around: Around): Said[] {
  const each = forEachOf(step)
  const files = fileFaults(here, step, each)
  if (each === undefined) return files
  const at: Path = [...here, 'for_each']
  return [
    ...files,
    ...listFaults(at, each, around),
    ...(around.isCut ? [] : takerFaults(here, step, each)),
    ...neededFaults(at, each),
    ...elsewhereFaults(here, step),
    ...argumentFaults(here, step, each),
  ]
}

/** Why a step cannot have so many items; undefined where it can. */
export function tooMany(count: number): string | undefined {
  return count > MOST_ITEMS ? `got ${count} items, expected at most ${MOST_ITEMS}` : undefined
}

/** Inputs that would be the file of an item, of a step that does not run for the files of that source. */
function fileFaults(here: Path, { inputs }: ForEachStep, each: ForEach | undefined): Said[] {
  return Object.entries(inputsOfItems(inputs)).flatMap(([input, source]): Said[] => {
    if (each?.files?.source === source && !inputs[input]?.endsWith('?')) return []
    const expected = `"sources.${source}[item]" of a step with for_each: {files: sources.${source}}`
    return [{ path: [...here, 'inputs', input], message: `got "${inputs[input]}", expected ${expected}` }]
  })
}

function listFaults(at: Path, each: ForEach, { declared = {}, isLeft, sources }: Around): Said[] {
  if (each.range !== undefined) return rangeFaults([...at, 'range'], each.range)
  if (sourceOfItems(each) !== undefined) return sourceFaults(at, each, sources)
  if (each.param === undefined) {
    const message = tooMany(each.list?.length ?? 0)
    return message === undefined ? [] : [{ path: [...at, 'item'], message }]
  }
  const one = Object.hasOwn(declared, each.param) ? declared[each.param] : undefined
  if (one?.type === 'list' || (one === undefined && isLeft)) return []
  const what = one === undefined ? `there is no param "${each.param}" in pipeline.params` : `it is of type ${one.type}`
  return [
    { path: [...at, 'item'], message: `got "{params.${each.param}}", and ${what}; expected a param of type list` },
  ]
}

function rangeFaults(path: Path, range: NonNullable<ForEach['range']>): Said[] {
  const [from, to, step] = range
  if (step === 0)
    return [{ path, message: 'got a step of 0, expected one that leads from the first number to the last' }]
  const count = rangeCount(range)
  if (count === 0) return [{ path, message: `got ${step} as the step, which never leads from ${from} to ${to}` }]
  const message = tooMany(count)
  return message === undefined ? [] : [{ path, message }]
}

/** Params that take the item: at least one does, each takes it whole, and each item has what it takes. */
function takerFaults(here: Path, { params }: ForEachStep, each: ForEach): Said[] {
  const inside = Object.entries(params).flatMap(([name, value]): Said[] => {
    const found = pathInItem(value) === undefined ? INSIDE.exec(JSON.stringify(value) ?? '')?.[0] : undefined
    if (found === undefined) return []
    const message = `got ${short(value)}, expected "${found}" alone: an item is taken whole`
    return [{ path: [...here, 'params', name], message }]
  })
  if (inside.length > 0) return inside
  const takers = Object.entries(each.takes)
  if (takers.length === 0 && (each.files?.inputs ?? []).length === 0) {
    const file = each.files === undefined ? '' : `, or an input "sources.${each.files.source}[item]"`
    const message = `no param takes the item, so that all items would be the same; expected a param such as month: "{item}"${file}`
    return [{ path: [...here, 'for_each'], message }]
  }
  return takers.flatMap(([name, path]) => partFaults([...here, 'params', name], path, each))
}

/** The first item that has not what a param takes of it. */
function partFaults(at: Path, path: readonly string[], each: ForEach): Said[] {
  const { list, range, param } = each
  if (path.length === 0) return []
  const message = (what: string): Said[] => [{ path: at, message: `got "{item.${path.join('.')}}", and ${what}` }]
  const fault = partFaultOfSource(each, path)
  if (fault !== undefined) return message(fault)
  if (sourceOfItems(each) !== undefined) return []
  if (range !== undefined) return message('the items are numbers; expected "{item}"')
  if (param !== undefined) return message(`the values of "{params.${param}}" have no parts; expected "{item}"`)
  const number = (list ?? []).findIndex((item) => valueIn(item, path) === undefined)
  return number < 0 ? [] : message(`item ${number}, ${short(list?.[number])}, has no ${path.join('.')}`)
}

function neededFaults(at: Path, each: ForEach): Said[] {
  const isKnown = each.param === undefined && sourceOfItems(each) === undefined
  if (!isKnown || each.failures === 'collect') return []
  const { count } = itemsOf(each, {})
  const needed = neededOf(each, count)
  if (needed <= count) return []
  return [{ path: [...at, 'failures', 'at_least'], message: `got ${needed}, and there are ${count} items` }]
}

/** Where an item is asked for in other places than params: it would stay the text that it is. */
function elsewhereFaults(here: Path, { run, env }: ForEachStep): Said[] {
  const places: [Path, unknown][] = [
    ...(typeof run === 'string' ? [] : run).map((value, i): [Path, unknown] => [['run', i], value]),
    ...Object.entries(env).map(([name, value]): [Path, unknown] => [['env', name], value]),
  ]
  return places.flatMap(([path, value]): Said[] => {
    const found = INSIDE.exec(String(value))?.[0]
    if (found === undefined) return []
    const then = path[0] === 'run' ? ', and "{params.x}" here' : ': variables are the same for all items'
    return [{ path: [...here, ...path], message: `got ${short(value)}, expected a param such as x: "${found}"${then}` }]
  })
}

/** The first item that no program can be given as an argument. */
function argumentFaults(here: Path, { run, params, env }: ForEachStep, each: ForEach): Said[] {
  if (typeof run === 'string' || each.list === undefined) return []
  const takers = Object.entries(each.takes)
  for (const [number, item] of each.list.entries()) {
    if (takers.some(([, path]) => valueIn(item, path) === undefined)) continue
    const given = { ...params, ...itemParams({ for_each: each }, item) }
    const expected = ungivenItem(run, given, env)
    if (expected !== undefined) {
      const message = `expected ${expected}, for it is an argument of a command`
      return [{ path: [...here, 'for_each', 'item', number], message }]
    }
  }
  return []
}

/** What is expected in place of the params of an item that no command can be given; undefined for those that one can. */
export function ungivenItem(
  command: readonly unknown[],
  params: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>>,
): string | undefined {
  const given = command.map((argument) => filled(String(argument), params))
  return given.map((text) => ungiven(text)).find((one) => one !== undefined) ?? ungivenTogether(given, env)
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
