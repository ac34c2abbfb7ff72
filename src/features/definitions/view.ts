/** Definitions as the contract shows them. */
import type { FeatureEntity, FeatureService, FeatureView, OnDemandFeature } from '../../contract/features/catalogue.ts'
import { toTime } from '../../contract/fields.ts'
import { placeText } from '../../pipelines/spec/external/source.ts'
import type { Named, Version } from './catalogue.ts'
import type { About, Column, Input } from './definitions.ts'

function madeOf({ version, created_at, created_by }: Version) {
  return { version, changed_at: toTime(created_at), changed_by: created_by }
}

export function viewEntity({ about, latest }: Named<'entity'>): FeatureEntity {
  const { name, keys } = latest.definition
  return { name, keys: [...keys], ...about, ...madeOf(latest) }
}

export function viewView(about: About, version: Version<'view'>): FeatureView {
  const { name, entities, keys, origin, push, event_time, created_time, ttl_ms, features, windows } = version.definition
  const sources = Object.entries(version.sources).map(([source, { place }]) => ({
    name: source,
    kind: place.kind,
    place: placeText(place),
  }))
  return {
    name,
    entities: [...entities],
    keys: [...keys],
    sources,
    query: origin?.query ?? null,
    push,
    event_time,
    created_time,
    ttl_ms,
    features: [
      ...features.map((one) => ({ name: one.name, type: one.type, column: one.column, window: null })),
      ...windows.map(({ name: window, type, column, take, over_ms, step_ms, q }) => ({
        name: window,
        type,
        column,
        window: { take, over_ms, step_ms, q: take === 'quantile' ? q : null },
      })),
    ],
    ...about,
    ...madeOf(version),
  }
}

export function viewOnDemand({ about, latest }: Named<'on_demand'>): OnDemandFeature {
  const { name, type, sql, inputs } = latest.definition
  return {
    name,
    type,
    sql,
    inputs: inputs.map((one) => ({ name: one.name, type: one.type, of: inputText(one.of) })),
    ...about,
    ...madeOf(latest),
  }
}

export function viewService(about: About, version: Version<'service'>): FeatureService {
  const { name, views, columns, on_demand, on_expired } = version.definition
  const fields = new Map(
    on_demand.flatMap(({ inputs }) =>
      inputs.flatMap(({ of, type }) => (of.kind === 'request' ? [[of.field, type] as const] : [])),
    ),
  )
  return {
    name,
    views: views.map((taken) => ({ ...taken, keys: [...taken.keys] })),
    columns: columns.map((column) => ({ name: column.name, type: column.type, of: originText(column) })),
    fields: [...fields].map(([field, type]) => ({ name: field, type })),
    on_expired,
    ...about,
    ...madeOf(version),
  }
}

function inputText(of: Input): string {
  if (of.kind === 'feature') return `${of.view}:${of.feature}`
  return of.kind === 'request' ? `request:${of.field}` : `on_demand:${of.name}`
}

function originText({ of }: Column): string {
  return 'view' in of ? `${of.view}:${of.feature}` : `on_demand:${of.on_demand}`
}
