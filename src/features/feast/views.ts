/** Entities and feature views of a Feast repository as those of a features section. */
import type { KeyType, ValueType } from '../../contract/features/section.ts'
import { quoted } from '../as-of/statement.ts'
import { aboutOf, durationText, keyTypeOf, nameFault, typeOf, typeOfColumn, type Keyed, type Leave } from './carry.ts'
import type { FeastEntity, FeastField, FeastRepository, FeastSource, FeastView } from './repository.ts'
import { declaredSource } from './sources.ts'

export interface CarriedEntity {
  readonly key: string
  readonly section: Keyed
}

export interface CarriedView {
  /** Features that it has here, in their order. */
  readonly features: readonly string[]
  /** The declared source that it reads; null where rows are only pushed. */
  readonly source: string | null
  readonly section: Keyed
}

/** Entities that can be carried over, by name. */
export function carriedEntities(repository: FeastRepository, leave: Leave): Map<string, CarriedEntity> {
  const carried = new Map<string, CarriedEntity>()
  for (const entity of repository.entities) {
    const what = `entity ${entity.name}`
    const type = keyType(entity, repository)
    const fault = nameFault(entity.name) ?? nameFault(entity.key) ?? type.fault
    if (fault !== undefined || type.type === undefined) {
      leave(what, fault ?? '')
      continue
    }
    if (entity.owner !== '' || Object.keys(entity.tags).length > 0)
      leave(what, 'its owner and tags: entities here have a description alone')
    const { description } = aboutOf(what, entity, leave)
    carried.set(entity.name, {
      key: entity.key,
      section: { keys: { [entity.key]: type.type }, ...(description !== undefined && { description }) },
    })
  }
  return carried
}

/** The type of a key: as it is declared, else as views declare it, else that of the column in their files, as `feast apply` has it. */
function keyType(
  { name, key, type }: FeastEntity,
  { views, sources }: FeastRepository,
): { readonly type?: KeyType; readonly fault?: string } {
  const having = views.filter(({ entities }) => entities.includes(name))
  const declared = [
    type,
    ...having.flatMap(({ keys }) => keys.filter((one) => one.name === key).map((one) => one.type)),
  ]
  for (const one of declared) {
    const found = keyTypeOf(one)
    if (found === null) return { fault: `its key "${key}" is ${one}, and keys here are int or text` }
    if (found !== undefined) return { type: found }
  }
  for (const { batch } of having) {
    const source = sources.find((one) => one.name === batch)
    const found = typeOfColumn(source?.columns?.[columnOf(source, key)] ?? '')
    if (found === 'int' || found === 'text') return { type: found }
  }
  return { fault: `it declares no value_type, and no file says what "${key}" is: add value_type to it` }
}

/** The column of a source that has a name for views. */
function columnOf({ mapping }: FeastSource, name: string): string {
  return Object.entries(mapping).find(([, given]) => given === name)?.[0] ?? name
}

/** A view, or undefined where it cannot be carried over; why is told. */
export function carriedView(
  view: FeastView,
  {
    repository,
    entities,
  }: { readonly repository: FeastRepository; readonly entities: ReadonlyMap<string, CarriedEntity> },
  leave: Leave,
): CarriedView | undefined {
  const what = `view ${view.name}`
  const no = (why: string): undefined => {
    leave(what, why)
    return undefined
  }
  const fault = nameFault(view.name)
  if (fault !== undefined) return no(fault)
  if (view.computed)
    return no(
      'its rows are made by Python or by aggregations of Feast: write them as `windows`, or as a `query` over its source',
    )
  const missing = view.entities.filter((name) => !entities.has(name))
  if (missing.length > 0) return no(`its entity ${missing.join(', ')} was not carried over`)
  const keys = view.entities.map((name) => entities.get(name)?.key ?? name)
  if (new Set(keys).size < keys.length) return no(`two of its entities have the join key "${keys.join('", "')}"`)
  const source = repository.sources.find(({ name }) => name === view.batch)
  const reading = readingOf(view, { source, stream: repository.sources.find(({ name }) => name === view.stream) })
  if ('fault' in reading) return no(reading.fault)
  const times = timesOf(source, reading.source === null)
  if ('fault' in times) return no(times.fault)
  const taken = [...keys, times.event_time, times.created_time ?? '']
  const features = carriedFeatures(view, { source, taken, mapped: reading.source !== null }, leave)
  if (Object.keys(features).length === 0)
    return no(
      view.features.length === 0
        ? 'it declares no schema, and no file says what it has'
        : 'none of its features was carried over',
    )
  for (const why of reading.notes) leave(what, why)
  if (!view.online) leave(what, '`online=False`: here a view is materialised when somebody asks for it')
  return {
    features: Object.keys(features),
    source: reading.source,
    section: {
      entities: view.entities,
      ...originOf(reading.source, source, keys),
      ...(reading.push && { push: true }),
      event_time: times.event_time,
      ...(times.created_time !== null && { created_time: times.created_time }),
      ...(view.ttl_s !== null && { ttl: durationText(view.ttl_s) }),
      features,
      ...aboutOf(what, view, leave),
    },
  }
}

type Reading =
  | { readonly source: string | null; readonly push: boolean; readonly notes: readonly string[] }
  | { readonly fault: string }

interface Sourced {
  readonly source: FeastSource | undefined
  readonly stream: FeastSource | undefined
}

function pushNote(view: string, { name, kind }: FeastSource): string {
  return kind === 'PushSource'
    ? `what was pushed to ${name} is pushed to the view itself, by its name, "${view}"`
    : `${name} is a ${kind}, which nothing here reads: push its rows to the view`
}

/** What a view reads and whether rows are pushed into it. */
function readingOf({ name }: FeastView, { source, stream }: Sourced): Reading {
  const push = stream !== undefined
  const notes = stream === undefined ? [] : [pushNote(name, stream)]
  const declared = source === undefined ? { fault: 'it has no batch source' } : declaredSource(source)
  if (!('fault' in declared)) return { source: source?.name ?? null, push, notes }
  const why = `its source ${source?.name ?? ''} was not carried over: ${declared.fault}`
  if (!push) return { fault: source === undefined ? declared.fault : why }
  return { source: null, push, notes: [...notes, `${why}; rows are only pushed, and it has no history`] }
}

/** Columns of its times. Feast looks for the one of the event itself where none is declared and there is but one. */
function timesOf(
  source: FeastSource | undefined,
  isPushed: boolean,
): { readonly event_time: string; readonly created_time: string | null } | { readonly fault: string } {
  if (source === undefined) return { event_time: 'event_timestamp', created_time: 'created' }
  const column = (name: string): string => (isPushed ? name : columnOf(source, name))
  const created = source.created_time === '' ? null : column(source.created_time)
  if (source.event_time !== '') return { event_time: column(source.event_time), created_time: created }
  const times = Object.entries(source.columns ?? {}).filter(
    ([name, type]) => typeOfColumn(type) === 'time' && name !== created,
  )
  const [only] = times.map(([name]) => name)
  if (only !== undefined && times.length === 1) return { event_time: only, created_time: created }
  return { fault: `its source ${source.name} declares no timestamp_field` }
}

/** A key of another name in the source is given its own by a query. */
function originOf(name: string | null, source: FeastSource | undefined, keys: readonly string[]): Keyed {
  if (name === null || source === undefined) return {}
  const renamed = keys.filter((key) => columnOf(source, key) !== key)
  if (renamed.length === 0) return { source: name }
  const more = renamed.map((key) => `${quoted(columnOf(source, key))} AS ${quoted(key)}`)
  return { query: `SELECT *, ${more.join(', ')} FROM ${quoted(name)}` }
}

interface Having {
  readonly source: FeastSource | undefined
  /** Columns that are keys and times, which are no features. */
  readonly taken: readonly string[]
  /** Whether names of columns are those of the source. */
  readonly mapped: boolean
}

function carriedFeatures(view: FeastView, { source, taken, mapped }: Having, leave: Leave): Keyed {
  const fields = view.features.length > 0 ? view.features : inferred(source, taken)
  const features: Keyed = {}
  for (const field of fields) {
    const what = `feature ${view.name}:${field.name}`
    const found = typeOf(field)
    const fault = nameFault(field.name) ?? ('fault' in found ? found.fault : undefined)
    if (fault !== undefined || 'fault' in found) {
      leave(what, fault ?? '')
      continue
    }
    if (found.note !== undefined) leave(what, found.note)
    if (field.tags > 0) leave(what, 'its tags: tags here are those of a view')
    const column = mapped && source !== undefined ? columnOf(source, field.name) : field.name
    features[field.name] = featureOf(found.type, column, field)
  }
  return features
}

function featureOf(type: ValueType, column: string, { name, description }: FeastField): unknown {
  if (column === name && description === '') return type
  return { type, ...(column !== name && { column }), ...(description !== '' && { description }) }
}

const BACK: Readonly<Record<ValueType, string>> = {
  int: 'Int64',
  float: 'Float64',
  bool: 'Bool',
  text: 'String',
  time: 'UnixTimestamp',
}

/** The columns of a source that are neither keys nor times, as `feast apply` takes them where no schema is declared. */
function inferred(source: FeastSource | undefined, taken: readonly string[]): FeastField[] {
  if (source === undefined) return []
  return Object.entries(source.columns ?? {})
    .map(([column, arrow]) => {
      const type = typeOfColumn(arrow)
      return { name: source.mapping[column] ?? column, column, type: type === undefined ? arrow : BACK[type] }
    })
    .filter(({ name, column }) => !taken.includes(name) && !taken.includes(column))
    .map(({ name, type }) => ({ name, type, description: '', tags: 0 }))
}
