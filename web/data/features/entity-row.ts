/** What is typed to look up an entity, as the row that is asked for, and what came back by view. */
import type { FeatureRow, FeatureStatus, ReadView } from '../../../src/contract/features/online.ts'
import type { FeatureService, FeatureView } from '../../../src/contract/features/catalogue.ts'
import type { ValueType } from '../../../src/contract/features/section.ts'
import { Numeral, readNumeral } from '../../../src/contract/values/numerals.ts'

export interface EntityField {
  readonly name: string
  /** Undefined where it is not known: the view has changed its keys since. */
  readonly type: ValueType | undefined
  readonly kind: 'key' | 'field'
}

/** What a read of a service takes: the keys of its views, each once, then the fields of a request. */
export function fieldsOf(
  { views, fields }: Pick<FeatureService, 'views' | 'fields'>,
  all: readonly Pick<FeatureView, 'name' | 'keys'>[],
): EntityField[] {
  const keys = new Map<string, EntityField>()
  for (const taken of views) {
    const own = all.find(({ name }) => name === taken.view)?.keys ?? []
    for (const [i, name] of taken.keys.entries()) {
      const known = own.length === taken.keys.length ? own[i]?.type : undefined
      if (keys.get(name)?.type === undefined) keys.set(name, { name, type: known, kind: 'key' })
    }
  }
  return [
    ...keys.values(),
    ...fields
      .filter(({ name }) => !keys.has(name))
      .map(({ name, type }): EntityField => ({ name, type, kind: 'field' })),
  ]
}

const INT = /^[+-]?\d+$/
const MOST = 2n ** 63n

/** What was expected in place of a text; undefined where it can be read. */
export function faultOf({ type, kind }: EntityField, text: string): string | undefined {
  if (text === '') return kind === 'key' ? 'a key is needed' : undefined
  if (type === 'int') return INT.test(text) && within(BigInt(text)) ? undefined : 'a whole number of 64 bits'
  if (type === 'float') return Number.isFinite(Number(text)) ? undefined : 'a number'
  if (type === 'bool') return text === 'true' || text === 'false' ? undefined : 'true or false'
  if (type === 'time') return Number.isNaN(Date.parse(text)) ? 'a time, for example 2026-05-03T10:00:00Z' : undefined
  return undefined
}

function within(value: bigint): boolean {
  return value >= -MOST && value < MOST
}

/** The row that is asked for, its whole numbers with all their digits; a field without a text is null. The texts have no fault. */
export function rowOf(
  fields: readonly EntityField[],
  texts: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field.name, valueOf(field, (texts[field.name] ?? '').trim())]))
}

function valueOf({ type, kind }: EntityField, text: string): unknown {
  if (text === '') return kind === 'key' ? '' : null
  if (type === 'int' || (type === undefined && INT.test(text))) return readNumeral(String(BigInt(text)))
  if (type === 'float') return Number(text)
  return type === 'bool' ? text === 'true' : text
}

/** A value as it is read: nothing where it is null, texts as they are, whole numbers with all their digits. */
export function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (value instanceof Numeral) return value.text
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export interface SeenColumn {
  readonly name: string
  readonly type: ValueType
  /** The name of the feature in its view or on demand. */
  readonly feature: string
  /** Null where it is null or left out. */
  readonly value: string | null
  readonly status: FeatureStatus
}

export interface SeenView {
  /** Null for features on demand. */
  readonly view: ReadView | null
  readonly event: { readonly at: string; readonly age_ms: number } | null
  readonly columns: readonly SeenColumn[]
}

/** What was read of one entity by view, in the order of the columns; views that only on-demand features read have no columns. */
export function seenOf(
  columns: FeatureService['columns'],
  views: readonly ReadView[],
  { features, missing, events }: FeatureRow,
): SeenView[] {
  const seen = columns.map(({ name, type, of }): SeenColumn & { readonly of: string } => {
    const at = of.indexOf(':')
    const value = valueText(features[name])
    const status = missing[name] ?? (value === null ? 'null_value' : 'present')
    return { name, type, feature: of.slice(at + 1), of: of.slice(0, at), value, status }
  })
  const groups = views.map((view): SeenView => {
    const event = events[view.name]
    return {
      view,
      event: event ?? null,
      columns: seen.filter(({ of }) => of === view.name),
    }
  })
  const names = new Set(views.map(({ name }) => name))
  const others = seen.filter(({ of }) => !names.has(of))
  return others.length === 0 ? groups : [...groups, { view: null, event: null, columns: others }]
}

/** The body of a call that reads one entity. */
export interface EntityRead {
  readonly project?: string
  readonly service: string
  readonly version?: number
  readonly entities: [Record<string, unknown>]
}

export interface ToAsk {
  readonly project: string | undefined
  readonly service: Pick<FeatureService, 'name' | 'version'>
  /** The newest version is not named, so that the call stays that of the newest. */
  readonly isNewest: boolean
  readonly fields: readonly EntityField[]
  readonly texts: Readonly<Record<string, string>>
}

/** Undefined while a key lacks its text, or a text cannot be read. */
export function askedOf({ project, service, isNewest, fields, texts }: ToAsk): EntityRead | undefined {
  if (fields.some((field) => faultOf(field, (texts[field.name] ?? '').trim()) !== undefined)) return undefined
  return {
    ...(project !== undefined && { project }),
    service: service.name,
    ...(!isNewest && { version: service.version }),
    entities: [rowOf(fields, texts)],
  }
}
