/** A service made ready for reading: which views by which keys, and where each column comes from. It asks nobody, so that a gateway can hold it. */
import type { OnExpired, ValueType } from '../../contract/features/section.ts'
import { problem } from '../../contract/errors.ts'
import type { Column, Key, Service, View } from '../definitions/definitions.ts'
import { planOnDemand, type OnDemandPlan } from '../definitions/on-demand.ts'
import type { ViewVersion } from '../online/store.ts'

/** A view as it is read. */
export interface PlannedView {
  /** In the service. */
  readonly name: string
  readonly of: ViewVersion
  readonly keys: readonly Key[]
  /** The columns of a request that give the keys, in their order. */
  readonly asked: readonly string[]
  /** Its features and then its windows, as the store has them. */
  readonly features: readonly string[]
  /** ms; null: for ever. */
  readonly ttl_ms: number | null
}

/** Where a value is found: in a view, both by their place; or among the on-demand features. */
export type Found = { readonly view: number; readonly feature: number } | { readonly on_demand: number }

export interface ReadPlan {
  readonly views: readonly PlannedView[]
  readonly columns: readonly Column[]
  /** In the order of the columns. */
  readonly found: readonly Found[]
  readonly onDemand: OnDemandPlan
  /** What each need of the on-demand features is taken from, in their order: a feature, or a field of the request. */
  readonly needs: readonly (
    | { readonly view: number; readonly feature: number }
    | { readonly field: string; readonly type: ValueType }
  )[]
  /** Every column that a request may give. */
  readonly taken: ReadonlySet<string>
  readonly on_expired: OnExpired
}

/** Plans a service; `views` are its views by the name that each has there. Throws `unprocessable` where two views want one key as different types. */
export function planRead(project: string, service: Service, views: Readonly<Record<string, View>>): ReadPlan {
  const planned = service.views.map(({ name, view, version, keys }): PlannedView => {
    const definition = views[name]
    if (definition === undefined) throw new Error(`the view "${name}" was not handed over`)
    return {
      name,
      of: { project, view, version },
      keys: definition.keys,
      asked: keys,
      features: [...definition.features, ...definition.windows].map((one) => one.name),
      ttl_ms: definition.ttl_ms,
    }
  })
  refuseTwoTypes(planned)
  const onDemand = planOnDemand(service.on_demand)
  const placeOf = (name: string, feature: string) => {
    const view = planned.findIndex((one) => one.name === name)
    return { view, feature: planned[view]?.features.indexOf(feature) ?? -1 }
  }
  const found = service.columns.map(({ of }): Found =>
    'view' in of ? placeOf(of.view, of.feature) : { on_demand: onDemand.names.indexOf(of.on_demand) },
  )
  const needs = onDemand.needs.map(({ of, type }) =>
    of.kind === 'feature' ? placeOf(of.view, of.feature) : { field: of.field, type },
  )
  const taken = new Set([
    ...planned.flatMap(({ asked }) => asked),
    ...needs.flatMap((need) => ('field' in need ? [need.field] : [])),
  ])
  return { views: planned, columns: service.columns, found, onDemand, needs, taken, on_expired: service.on_expired }
}

/** Definitions of versions, by the same names. */
export function definitionsOf(
  versions: Readonly<Record<string, { readonly definition: View }>>,
): Readonly<Record<string, View>> {
  return Object.fromEntries(Object.entries(versions).map(([name, { definition }]) => [name, definition]))
}

/** What is left of a service where some of its columns need not be read: views and keys that nothing else needs are not asked for. */
export function serviceWithout(service: Service, columns: ReadonlySet<string>): Service {
  const kept = service.columns.filter(({ name }) => !columns.has(name))
  const computed = new Set(kept.flatMap(({ of }) => ('on_demand' in of ? [of.on_demand] : [])))
  const views = new Set(kept.flatMap(({ of }) => ('view' in of ? [of.view] : [])))
  // each stands after what it needs
  for (const { name, inputs } of service.on_demand.toReversed()) {
    if (!computed.has(name)) continue
    for (const { of } of inputs) {
      if (of.kind === 'on_demand') computed.add(of.name)
      if (of.kind === 'feature') views.add(of.view)
    }
  }
  return {
    ...service,
    columns: kept,
    views: service.views.filter(({ name }) => views.has(name)),
    on_demand: service.on_demand.filter(({ name }) => computed.has(name)),
  }
}

function refuseTwoTypes(views: readonly PlannedView[]): void {
  const types = new Map<string, { readonly type: string; readonly view: string }>()
  for (const { name, keys, asked } of views) {
    for (const [i, column] of asked.entries()) {
      const type = keys[i]?.type ?? 'text'
      const before = types.get(column)
      if (before !== undefined && before.type !== type)
        throw problem('unprocessable', {
          detail: `"${column}" is ${before.type} as a key of view "${before.view}" and ${type} as one of "${name}"; "keys" in the service names them apart`,
        })
      types.set(column, { type, view: name })
    }
  }
}
