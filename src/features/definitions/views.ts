/** Entities and feature views of a section, each with its faults. */
import type {
  EntitySection,
  FeaturesSection,
  ValueType,
  ViewSection,
  WindowSection,
} from '../../contract/features/section.ts'
import { sourcesInQuery } from '../../pipelines/spec/external/source.ts'
import { parseDuration } from '../../pipelines/spec/values/units.ts'
import { WINDOW_SPAN, defaultStep } from '../as-of/windows.ts'
import type { Entity, Feature, Origin, View, WindowFeature } from './definitions.ts'

/** One fault: where in the section, and what was expected there. */
export interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

export type Tell = (path: readonly string[], message: string) => void

/** Most features of a view, windows included: each is a column of one packed row. */
const MOST_FEATURES = 2000

const MS = 1_000_000n

export function entityOf(name: string, { keys }: EntitySection): Entity {
  return { name, keys: Object.entries(keys).map(([key, type]) => ({ name: key, type })) }
}

/** Names of the sources that a query reads; a query may name any of them. */
export interface Sources {
  readonly names: readonly string[]
}

/** A view, as far as nothing is wrong with it. `entities` are those that it may name. */
export function viewOf(
  [name, section]: readonly [string, ViewSection],
  entities: ReadonlyMap<string, Entity>,
  sources: Sources,
  tell: Tell,
): View | undefined {
  const faults: Fault[] = []
  const at: Tell = (path, message) => faults.push({ path: ['views', name, ...path], message })
  const keys = keysOf(section, entities, at)
  const view: View = {
    name,
    entities: section.entities,
    keys,
    origin: originOf(section, sources, at),
    push: section.push,
    event_time: section.event_time,
    created_time: section.created_time ?? null,
    ttl_ms: durationOf(section.ttl, ['ttl'], at),
    features: Object.entries(section.features).map(([feature, given]): Feature => {
      if (typeof given === 'string') return { name: feature, type: given, column: feature }
      return { name: feature, type: given.type, column: given.column ?? feature }
    }),
    windows: Object.entries(section.windows).flatMap(([feature, given]) => windowOf(feature, given, at)),
  }
  checkNames(section, view, at)
  for (const { path, message } of faults) tell(path, message)
  return faults.length === 0 ? view : undefined
}

function keysOf({ entities: named }: ViewSection, entities: ReadonlyMap<string, Entity>, at: Tell): View['keys'] {
  const keys = named.flatMap((name, i) => {
    const entity = entities.get(name)
    if (entity === undefined)
      at(['entities', String(i)], `there is no entity "${name}"; there are ${listed([...entities.keys()])}`)
    return entity?.keys ?? []
  })
  const twice = keys.find((key, i) => keys.findIndex(({ name }) => name === key.name) !== i)
  if (twice !== undefined)
    at(['entities'], `two of them have the key "${twice.name}"; keys of one view have names of their own`)
  return keys
}

function originOf(section: ViewSection, { names }: Sources, at: Tell): Origin | null {
  const { source, query } = section
  if (source !== undefined && query !== undefined) at(['query'], 'either "source" or "query" was expected, got both')
  checkPush(section, at)
  if (source === undefined && query === undefined) return null
  if (source !== undefined && !names.includes(source))
    at(['source'], `there is no source "${source}" in \`sources\`; there are ${listed(names)}`)
  // a query is told of all sources by name; it is the engine that knows which it reads
  if (query !== undefined && names.length === 0) at(['query'], 'it has no source to read: `sources` names none')
  return source === undefined
    ? { sources: sourcesInQuery(query ?? '', names), query: query ?? null }
    : { sources: [source], query: null }
}

/** Rows come from a source or are pushed; what windows take they take of a source. */
function checkPush({ source, query, push, windows }: ViewSection, at: Tell): void {
  const hasSource = source !== undefined || query !== undefined
  if (Object.keys(windows).length === 0) {
    if (!hasSource && !push) at([], '"source", "query" or "push: true" was expected: nothing would ever give it a row')
    return
  }
  if (push)
    at(
      ['push'],
      'got true beside `windows`, which are computed of the rows of a source; expected false, and what is pushed in a view of its own',
    )
  if (!hasSource) at(['windows'], 'windows need "source" or "query": they are computed of its rows')
}

/** Each step of a window is a tile of each entity, and every read adds them up. */
const MOST_STEPS = 5000

function windowOf(name: string, given: WindowSection, at: Tell): WindowFeature[] {
  const path = ['windows', name]
  const over_ms = durationOf(given.over, [...path, 'over'], at)
  if (over_ms === null) return []
  const over = BigInt(over_ms) * MS
  if (over < WINDOW_SPAN.least || over > WINDOW_SPAN.most) {
    at([...path, 'over'], `1m to 90d was expected, got ${String(given.over)}`)
    return []
  }
  const step_ms =
    given.step === undefined ? Number(defaultStep(over) / MS) : durationOf(given.step, [...path, 'step'], at)
  if (step_ms === null) return []
  if (step_ms > over_ms)
    at([...path, 'step'], `at most ${String(given.over)}, its length, was expected, got ${String(given.step)}`)
  if (over_ms / step_ms > MOST_STEPS)
    at([...path, 'step'], `a step of which "over" has at most ${MOST_STEPS} was expected, got ${String(given.step)}`)
  const { take } = given
  const of = given.type ?? 'float'
  checkTake(given, of, (more, message) => at([...path, ...more], message))
  return [{ name, type: givenBy(take, of), take, column: given.of ?? null, of, over_ms, step_ms, q: given.q ?? 0 }]
}

function checkTake({ of: column, take, q }: WindowSection, of: ValueType, at: Tell): void {
  if (column === undefined && take !== 'count') at([], `"of", the column, was expected beside "take: ${take}"`)
  if (q === undefined && take === 'quantile') at([], '"q", 0 to 1, was expected beside "take: quantile"')
  if (q !== undefined && take !== 'quantile') at([], '"q" belongs to "take: quantile" alone')
  if (!NUMERIC.has(of) && RECKONING.has(take)) at(['type'], `int, float or bool was expected for ${take}, got ${of}`)
}

const NUMERIC: ReadonlySet<ValueType> = new Set(['int', 'float', 'bool'])
const RECKONING: ReadonlySet<string> = new Set(['sum', 'mean', 'std', 'quantile'])

function givenBy(take: WindowSection['take'], of: ValueType): ValueType {
  if (take === 'count' || take === 'distinct') return 'int'
  return RECKONING.has(take) ? 'float' : of
}

/** Of the tables in which rows of views are joined. */
const OWN = ['event', 'created', 'arrival']

function checkNames(section: ViewSection, { keys, features, windows, event_time, created_time }: View, at: Tell): void {
  const count = Object.keys(section.features).length + Object.keys(section.windows).length
  if (count === 0) at([], '"features" or "windows" was expected')
  if (count > MOST_FEATURES) at([], `at most ${MOST_FEATURES} features were expected, got ${count}`)
  for (const { name } of windows)
    if (Object.hasOwn(section.features, name)) at(['windows', name], 'a feature of this name is in `features` too')
  const folded = new Map<string, string>(OWN.map((name) => [name, 'a column that every view has']))
  for (const { name } of [...keys, ...features, ...windows]) {
    const other = folded.get(name.toLowerCase())
    const isSame = other === `"${name}"` || (other === 'a key' && keys.some((key) => key.name === name))
    if (other !== undefined && !isSame)
      at(['features', name], `its name is that of ${other}, small and capital letters being the same`)
    folded.set(name.toLowerCase(), keys.some((key) => key.name === name) ? 'a key' : `"${name}"`)
  }
  const taken = new Map(keys.map(({ name }) => [name, 'a key']))
  for (const { name } of features) {
    const what = taken.get(name)
    if (what !== undefined)
      at(['features', name], `this name is that of ${what}; the feature needs another, with "column"`)
  }
  if (event_time === created_time) at(['created_time'], 'another column than "event_time" was expected')
}

function durationOf(given: string | number | undefined, path: readonly string[], at: Tell): number | null {
  if (given === undefined) return null
  const ms = parseDuration(given)
  if (ms !== undefined && Number.isSafeInteger(Math.round(ms)) && ms >= 1) return Math.round(ms)
  at(path, `a duration, for example 90s, 10m, 2h or 30d, was expected, got ${String(given)}`)
  return null
}

const MOST_LISTED = 20

export function listed(names: readonly string[]): string {
  const told = names.slice(0, MOST_LISTED).map((name) => `"${name}"`)
  const more = names.length - told.length
  return names.length === 0 ? 'none' : `${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** Entities of a section and those that are known already; those of the section win. */
export function entitiesOf(section: FeaturesSection, known: readonly Entity[]): Map<string, Entity> {
  const own = Object.entries(section.entities).map(([name, one]) => entityOf(name, one))
  return new Map([...known, ...own].map((entity) => [entity.name, entity]))
}
