/**
 * Pipelines written in TypeScript: steps typed by their outputs, which say what slipway.yaml says. `export default pipeline(…)` of a file
 * is its pipeline. What it imports it names by `imports` of package.json, so that it compiles under the settings of whoever takes it.
 */

import { Float, yamlOf } from '#builder/yaml'
export { Float, float } from '#builder/yaml'

/** What a param of a step can be. A whole number is an int; `float(1)` is the float 1.0, and a bigint has any number of digits. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Float
  | readonly Value[]
  | { readonly [key: string]: Value }

/** What can be compared, and be a choice. */
export type Scalar = string | number | bigint | boolean

/** A condition of a step; `and`, `or` and `not` join conditions. */
export class Condition {
  readonly text: string
  readonly joins: 'and' | 'or' | undefined

  constructor(text: string, joins?: 'and' | 'or') {
    this.text = text
    this.joins = joins
  }
}

/** Holds where all of them do. */
export function and(...parts: readonly Condition[]): Condition {
  return joined(parts, 'and')
}

/** Holds where one of them does. */
export function or(...parts: readonly Condition[]): Condition {
  return joined(parts, 'or')
}

/** Holds where the other does not. */
export function not(part: Condition): Condition {
  return new Condition(`not ${part.joins === undefined ? part.text : `(${part.text})`}`)
}

function joined(parts: readonly Condition[], by: 'and' | 'or'): Condition {
  const [only, second] = parts
  if (only === undefined) throw new TypeError(`${by}() joins no condition; expected one or more`)
  if (second === undefined) return only
  const texts = parts.map(({ text, joins }) => (by === 'and' && joins === 'or' ? `(${text})` : text))
  return new Condition(texts.join(` ${by} `), by)
}

/** What a condition compares: a metric, the size of an output, a param. */
export class Operand<T> {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  eq(other: T | Operand<T>): Condition {
    return this.#compared('==', other)
  }

  ne(other: T | Operand<T>): Condition {
    return this.#compared('!=', other)
  }

  lt(this: Operand<number>, other: number | Operand<number>): Condition {
    return this.#compared('<', other)
  }

  le(this: Operand<number>, other: number | Operand<number>): Condition {
    return this.#compared('<=', other)
  }

  gt(this: Operand<number>, other: number | Operand<number>): Condition {
    return this.#compared('>', other)
  }

  ge(this: Operand<number>, other: number | Operand<number>): Condition {
    return this.#compared('>=', other)
  }

  in(values: readonly T[]): Condition {
    return new Condition(`${this.text} in [${values.map(literal).join(', ')}]`)
  }

  #compared(sign: string, other: unknown): Condition {
    return new Condition(`${this.text} ${sign} ${literal(other)}`)
  }
}

/** A param of the pipeline: the value of a param of a step, or part of a condition. */
export class Param<T> extends Operand<T> {
  readonly name: string

  constructor(name: string) {
    super(`params${part(name)}`)
    this.name = name
  }
}

/** The item that a step of `each` runs for; `part` is a part of one that is a map. */
export class Item {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  part(key: string): Item {
    return new Item(`${this.name}.${key}`)
  }
}

/** The row that a step runs for: the whole of it, or one of its columns. */
export interface Row<C extends string> extends Item {
  part(column: C): Item
}

/** The partition that a run is of, as a param of a step; `partition.part('start')` and `partition.part('end')` are its times. */
export const partition = new Item('partition')

/** What becomes an input of a step. */
export class Input {
  readonly reference: string

  constructor(reference: string) {
    this.reference = reference
  }
}

/** Data from outside that is declared. */
export class Source extends Input {
  /** With `files` of a step of `each`: the file that its item is. */
  eachFile(): Input {
    return new Input(`${this.reference}[item]`)
  }
}

/** An output of a step with items: the folder of what all of them made. */
export class Joined extends Input {
  /** The same, where the step may be skipped: then the argument is left out. */
  optional(): Input {
    return new Input(`${this.reference}?`)
  }
}

/** An output of a step. */
export class Output extends Joined {
  readonly step: string
  readonly name: string

  constructor(step: string, name: string) {
    super(`${step}.${name}`)
    this.step = step
    this.name = name
  }

  /** Its bytes, for conditions. */
  get size(): Operand<number> {
    return new Operand(`steps${part(this.step)}.outputs${part(this.name)}.size`)
  }

  /** How many files it has, for conditions. */
  get files(): Operand<number> {
    return new Operand(`steps${part(this.step)}.outputs${part(this.name)}.files`)
  }
}

/** A step, by its outputs. */
export interface Step<O extends string> {
  readonly name: string
  readonly outputs: { readonly [K in O]: Output }
  /** A metric that it leaves, for conditions. */
  metric(name: string): Operand<number>
}

/** A step that runs for each item. */
export interface StepOfItems<O extends string> {
  readonly name: string
  readonly outputs: { readonly [K in O]: Joined }
}

type Given = Value | Param<never> | Param<string> | Param<number> | Param<boolean> | Param<readonly Scalar[]> | Item
type Timeouts = { readonly [K in `${'' | 'silent_' | 'queued_' | 'starting_'}timeout`]?: string | number }

/** The keys of a step of slipway.yaml. */
export interface StepKeys<O extends string> extends Timeouts {
  readonly run: `${string}:${string}` | readonly (string | number)[]
  readonly inputs?: { readonly [argument: string]: Input }
  readonly params?: { readonly [argument: string]: Given }
  readonly outputs?: readonly O[]
  readonly after?: readonly { readonly name: string }[]
  readonly when?: Condition | string
  readonly env?: { readonly [name: string]: string | number | boolean }
  /** Names only. */
  readonly secrets?: readonly string[]
  readonly cache?: 'auto' | 'always' | 'never'
  readonly seed?: number
  readonly pool?: string
  readonly retries?: {
    readonly [K in 'user' | 'environment' | 'out_of_memory' | 'timeout' | 'infrastructure' | 'preempted']?: number
  }
  readonly resources?: { readonly cpus?: number; readonly gpus?: number; readonly memory?: string | number }
}

/** What a step of `each` runs for: the values of a list, the numbers of a range, or the files of a source. */
export interface ForEach extends Policy {
  readonly item?: readonly Value[] | Param<readonly Scalar[]>
  readonly range?: readonly [from: number, to: number, step?: number]
  readonly files?: Source
}

/** The rows of a source that is a query, by the columns of which each item is made. */
export interface ForEachRow<C extends string> extends Policy {
  readonly rows: Source
  readonly columns: { readonly [K in C]: 'string' | 'int' | 'float' | 'bool' }
}

/** How many items run at once, and what comes of those that fail. */
interface Policy {
  readonly at_once?: number
  readonly failures?: 'stop' | 'collect' | { readonly at_least: number | string }
}

/** How a pipeline is divided. */
export type Partitions =
  | { readonly by: 'hour' | 'day' | 'week' | 'month'; readonly start: string; readonly timezone?: string }
  | { readonly values: readonly string[] }

/** What starts a pipeline by itself besides its schedule. */
export type Trigger = {
  readonly debounce?: string | number
  readonly at_most?: number
  readonly set?: { readonly [param: string]: Value }
} & (
  | { readonly on: 'source'; readonly source: string; readonly every?: string | number }
  | { readonly on: 'data_set'; readonly data_set: string }
  | { readonly on: 'alias'; readonly model: string; readonly alias: string }
  | { readonly on: 'incident'; readonly endpoint: string; readonly kinds?: readonly string[] }
  | { readonly on: 'pipeline'; readonly pipeline: string; readonly outcome?: 'succeeded' | 'failed' | 'any' }
  | { readonly on: 'merge'; readonly host: 'github' | 'gitlab'; readonly branch?: string }
  | { readonly on: 'webhook' }
)

type Bounds = { readonly min?: number; readonly max?: number }

/** The sections of slipway.yaml besides the steps and params. */
export interface Sections extends Pick<Timeouts, 'timeout'> {
  readonly python?: { readonly packages?: readonly string[] } & {
    readonly [K in 'requires' | 'requirements' | 'pyproject' | 'lock']?: string
  }
  readonly schedule?: {
    readonly cron: string
    readonly timezone?: string
    readonly missed?: 'skip' | 'last' | 'all'
    readonly overlap?: 'allow' | 'skip' | 'queue'
  }
  readonly partitions?: Partitions
  readonly triggers?: { readonly [name: string]: Trigger }
  readonly reads?: 'warn' | 'strict'
  readonly priority?: number
  readonly salt?: string
  /** The function of the pipeline returns the output that is the model. */
  readonly model?: { readonly name: string; readonly gates?: readonly Value[] }
  readonly endpoint?: { readonly name: string; readonly rollout?: Value; readonly features?: string }
  readonly monitor?: Value
  readonly search?: Value
  readonly data_sets?: Value
  readonly features?: Value
}

/** Where a key of the project file is written: a file or its address, and the line. */
export interface Place {
  readonly file: string
  readonly line: number
}

/** A fault that no schema tells. */
export interface Fault extends Place {
  readonly path: readonly string[]
  readonly message: string
}

/** What the function of a pipeline gets: it says the params and the steps, in any order in which names are there before they are used. */
export class Builder {
  readonly params: Record<string, unknown> = {}
  readonly steps: Record<string, unknown> = {}
  readonly sources: Record<string, unknown> = {}
  readonly marks: [path: readonly string[], place: Place][] = []
  readonly faults: Fault[] = []

  /** Declares a param of the pipeline, which a run may set. */
  param(
    name: string,
    keys: { readonly type: 'string'; readonly default?: string; readonly help?: string },
  ): Param<string>
  param(
    name: string,
    keys: Bounds & { readonly type: 'int' | 'float'; readonly default?: number | bigint; readonly help?: string },
  ): Param<number>
  param(
    name: string,
    keys: { readonly type: 'bool'; readonly default?: boolean; readonly help?: string },
  ): Param<boolean>
  param<const C extends Scalar>(
    name: string,
    keys: {
      readonly type: 'choice'
      readonly choices: readonly C[]
      readonly default?: NoInfer<C>
      readonly help?: string
    },
  ): Param<C>
  param<const C extends Scalar = Scalar>(
    name: string,
    keys: Bounds & {
      readonly type: 'list'
      readonly of?: 'string' | 'int' | 'float' | 'bool' | 'choice'
      readonly default?: readonly NoInfer<C>[]
      readonly choices?: readonly C[]
      readonly help?: string
    },
  ): Param<readonly C[]>
  param(name: string, keys: object): Param<never> {
    this.#keep(this.params, ['pipeline', 'params', name], keys, placeOf(2))
    return new Param(name)
  }

  /** Declares data from outside, an input of steps; the keys are those of `sources` in slipway.yaml. */
  source(name: string, keys: { readonly [key: string]: Value }): Source {
    this.#keep(this.sources, ['sources', name], keys, placeOf(2))
    return new Source(`sources.${name}`)
  }

  /** A step. Its outputs are those that it names, and no others. */
  step<const O extends string = never>(name: string, keys: StepKeys<O>): Step<O> {
    this.#keep(this.steps, ['pipeline', 'steps', name], keys, placeOf(2))
    const outputs = (keys.outputs ?? []).map((output) => [output, new Output(name, output)])
    return {
      name,
      outputs: Object.fromEntries(outputs) as Step<O>['outputs'],
      metric: (metric) => new Operand(`steps${part(name)}.metrics${part(metric)}`),
    }
  }

  /** A step that runs for each item; `keys` gets what stands for the item. */
  each<const C extends string, const O extends string = never>(
    name: string,
    items: ForEachRow<C>,
    keys: (row: Row<C>) => StepKeys<O>,
  ): StepOfItems<O>
  each<const O extends string = never>(name: string, items: ForEach, keys: (item: Item) => StepKeys<O>): StepOfItems<O>
  each<const O extends string>(
    name: string,
    items: ForEach | ForEachRow<string>,
    keys: (item: Item) => StepKeys<O>,
  ): StepOfItems<O> {
    const place = placeOf(2)
    const { outputs = [], ...rest } = keys(new Item('item'))
    this.#keep(this.steps, ['pipeline', 'steps', name], { ...rest, outputs, for_each: items }, place)
    const joins = outputs.map((output) => [output, new Joined(`${name}.${output}[*]`)])
    return { name, outputs: Object.fromEntries(joins) as StepOfItems<O>['outputs'] }
  }

  fault(path: readonly string[], message: string, place: Place): null {
    this.faults.push({ path, ...place, message })
    return null
  }

  #keep(into: Record<string, unknown>, path: readonly string[], keys: object, place: Place): void {
    const name = path.at(-1) ?? ''
    if (Object.hasOwn(into, name)) this.fault(path, `"${name}" is there twice; expected each name once`, place)
    this.marks.push([path, place])
    const value = plain(keys, (below, message) => this.fault([...path, ...below], message, place))
    Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true })
  }
}

/** A whole project. */
export class Pipeline {
  readonly data: Record<string, unknown>
  readonly marks: readonly (readonly [path: readonly string[], place: Place])[]
  readonly faults: readonly Fault[]

  constructor(data: Record<string, unknown>, { marks, faults }: Pick<Builder, 'marks' | 'faults'>) {
    this.data = data
    this.marks = marks
    this.faults = faults
  }

  /** The text of slipway.yaml. Throws for what no file holds; what it means is judged by `slipway validate`. */
  toYaml(): string {
    const [fault] = this.faults
    if (fault !== undefined)
      throw new TypeError(`${fault.file}:${fault.line}: ${fault.path.join('.')}: ${fault.message}`)
    return yamlOf(this.data)
  }
}

/** Writes a pipeline down: `write` says its params and steps, and may return the output that is the model. */
export function pipeline(
  project: string,
  sections: Sections,
  write: (p: Builder) => Output | undefined | void,
): Pipeline {
  const place = placeOf(2)
  const builder = new Builder()
  builder.marks.push([[], place])
  const model = write(builder)
  const { schedule, partitions, triggers, reads, salt, timeout, priority, ...others } = sections
  const { params, steps, sources } = builder
  const given = {
    project,
    ...others,
    ...(model !== undefined && { model: { ...others.model, from: model.reference } }),
    pipeline: { schedule, partitions, triggers, reads, salt, timeout, priority },
  }
  const data = plain(given, (path, message) => builder.fault(path, message, place)) as Record<string, object>
  const declared = Object.keys(params).length > 0 && { params }
  const outside = Object.keys(sources).length > 0 && { sources }
  return new Pipeline({ ...data, pipeline: { ...declared, steps, ...data['pipeline'] }, ...outside }, builder)
}

/** The line of the call that is `depth` functions up. */
function placeOf(depth: number): Place {
  const frame = new Error('here').stack?.split('\n')[depth + 1] ?? ''
  const [, file = '', line = '1'] = /\(?((?:file:\/)?\/[^()]*?):(\d+):\d+\)?$/.exec(frame) ?? []
  return { file, line: Number(line) }
}

/** Notes a fault; of the value null is left. */
type Tell = (path: readonly string[], message: string) => null

/** A value as a project file holds it, with floats and bigints as they are. */
function plain(value: unknown, tell: Tell, path: readonly string[] = []): unknown {
  if (value instanceof Param) return `{params.${value.name}}`
  if (value instanceof Item) return `{${value.name}}`
  if (value instanceof Input) return value.reference
  if (value instanceof Condition) return value.text
  if (value === null || value instanceof Float || /^(?:string|number|bigint|boolean)$/.test(typeof value)) return value
  if (path.length > 100) return tell(path, 'it nests more than 100 deep')
  if (Array.isArray(value)) {
    // steps are named by their names
    const isAfter = path.length === 1 && path[0] === 'after'
    return value.map((item: unknown, i) =>
      plain(isAfter ? (item as { name: string }).name : item, tell, [...path, String(i)]),
    )
  }
  if (typeof value !== 'object' || ![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null))
    return tell(
      path,
      `got ${kindOf(value)}, expected a text, a number, true or false, null, a list, or an object of such values`,
    )
  // a key of a step may be left open; an input, a param or a variable that is nothing is a name that is not there
  const isNamed = /^(?:inputs|params|env)$/.test(String(path[0]))
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined || isNamed)
  return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner, tell, [...path, key])]))
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing, as of a name that is not there'
  if (value instanceof Operand) return `${value.text}, which is known only while the pipeline runs`
  return typeof value === 'object' ? `a ${value?.constructor.name ?? 'value'}` : `a ${typeof value}`
}

function literal(value: unknown): string {
  if (value instanceof Operand) return value.text
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${value} cannot be compared; expected a finite number`)
  return String(value)
}

/** A text in quotes, of which the grammar of conditions has no escapes. */
function quoted(text: string): string {
  const sign = text.includes("'") ? '"' : "'"
  if (text.includes(sign) || text.includes('\n'))
    throw new TypeError(
      `a condition cannot hold the text ${JSON.stringify(text)}: it has both kinds of quotes, or a line break`,
    )
  return `${sign}${text}${sign}`
}

function part(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? `.${name}` : `[${quoted(name)}]`
}
