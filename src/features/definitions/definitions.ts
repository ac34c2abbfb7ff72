/** What a features section means: entities, views, on-demand features and services, with every default said. */
import type { Aggregate, KeyType, OnExpired, ValueType } from '../../contract/features/section.ts'

/** For people; a change of it makes no version. */
export interface About {
  readonly description: string
  readonly owner: string
  readonly tags: Readonly<Record<string, string>>
}

export interface Key {
  readonly name: string
  readonly type: KeyType
}

export interface Entity {
  readonly name: string
  /** In the order in which they are written; a composite key is said in this order. */
  readonly keys: readonly Key[]
}

export interface Feature {
  readonly name: string
  readonly type: ValueType
  /** Its column in the source. */
  readonly column: string
}

export interface WindowFeature {
  readonly name: string
  /** Of what it gives. */
  readonly type: ValueType
  readonly take: Aggregate
  /** The column; null counts rows. */
  readonly column: string | null
  /** The type of the column. */
  readonly of: ValueType
  readonly over_ms: number
  readonly step_ms: number
  /** With `quantile`; else 0. */
  readonly q: number
}

/** Where rows come from besides being pushed: the rows of a declared source, or of a query over some. */
export type Origin = { readonly sources: readonly string[]; readonly query: string | null }

export interface View {
  readonly name: string
  readonly entities: readonly string[]
  readonly keys: readonly Key[]
  /** Null where rows are only pushed. */
  readonly origin: Origin | null
  readonly push: boolean
  readonly event_time: string
  readonly created_time: string | null
  readonly ttl_ms: number | null
  readonly features: readonly Feature[]
  readonly windows: readonly WindowFeature[]
}

/** A value that an on-demand feature is computed from. */
export type Input =
  | { readonly kind: 'feature'; readonly view: string; readonly feature: string }
  | { readonly kind: 'request'; readonly field: string }
  | { readonly kind: 'on_demand'; readonly name: string }

export interface OnDemand {
  readonly name: string
  readonly type: ValueType
  readonly sql: string
  readonly inputs: readonly { readonly name: string; readonly type: ValueType; readonly of: Input }[]
}

/** One column that a service gives. */
export interface Column {
  readonly name: string
  readonly type: ValueType
  readonly of: { readonly view: string; readonly feature: string } | { readonly on_demand: string }
}

/** A view as a service takes it: under which name, in which version, and which columns of a request give its keys. */
export interface TakenView {
  readonly name: string
  readonly view: string
  readonly version: number
  /** In the order of the view's keys. */
  readonly keys: readonly string[]
}

export interface Service {
  readonly name: string
  readonly views: readonly TakenView[]
  readonly columns: readonly Column[]
  /** Those of the columns and what they are computed from, each after what it needs; a copy, so that a later change of one changes no service. */
  readonly on_demand: readonly OnDemand[]
  readonly on_expired: OnExpired
}
