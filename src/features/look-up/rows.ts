/** Rows of a look-up as its reply says them. */
import type { LookedUpRow, LookUpStatus } from '../../contract/features/look-up.ts'
import type { Service } from '../definitions/definitions.ts'
import type { ViewVersions } from '../definitions/require.ts'
import type { RowTimes, SeenAt } from '../offline/look-up.ts'
import { unpack } from '../online/pack.ts'
import type { SeenEntity } from '../online/reader.ts'
import { momentText } from '../../contract/text/moments.ts'
import type { ReadPlan } from '../serve/plan.ts'
import { readEntities, type Entity } from '../serve/read.ts'
import { writeValue } from '../serve/values.ts'

/** A service with its plan, and its views by the name that each has there. */
export interface Planned {
  readonly plan: ReadPlan
  readonly service: Service
  readonly views: ViewVersions
}

export interface RowAsked {
  readonly entity: Entity
  /** Its place among those that were asked for. */
  readonly i: number
  /** ns. */
  readonly at: bigint
  /** What is seen of each entity, by the name of the view; a view without history is absent. */
  readonly seen: ReadonlyMap<string, readonly SeenAt[]>
}

/** One entity at its moment: features by the rules that serve them. An expired value that a service refuses is told, and does not refuse all. */
export function rowAt({ plan, service, views }: Planned, { entity, i, at, seen }: RowAsked): LookedUpRow {
  const own = plan.views.map(({ name }) => seen.get(name)?.[i])
  let next = 0
  const reader = {
    // the views are asked in their order
    read: (): SeenEntity[] => {
      const place = next++
      const view = views[plan.views[place]?.name ?? '']?.definition
      const types = [...(view?.features ?? []), ...(view?.windows ?? [])].map(({ type }) => type)
      return [seenEntity(own[place], types)]
    },
  }
  const on_expired = plan.on_expired === 'value' ? 'value' : 'null'
  const [row] = readEntities(plan, [entity], { reader, now: at, on_expired, fieldOf: () => `entities[${i}]` }).rows
  const untold = withoutHistory(service, new Set(plan.views.flatMap(({ name }) => (seen.has(name) ? [] : [name]))))
  const columns = plan.columns.map(({ name, type }, place) => {
    const isUntold = untold.has(name)
    const value = isUntold ? null : writeValue(type, row?.values[place] ?? null)
    const status: LookUpStatus = isUntold ? 'no_history' : (row?.statuses[place] ?? 'not_found')
    return { name, value, status }
  })
  const named = plan.views.map(({ name }, place) => [name, own[place]] as const)
  return {
    at: momentText(at),
    features: Object.fromEntries(columns.map(({ name, value }) => [name, value])),
    missing: Object.fromEntries(
      columns.flatMap(({ name, status }) => (status === 'present' ? [] : [[name, status] as const])),
    ),
    events: Object.fromEntries(
      named.flatMap(([name, one]) => {
        if (one?.row == null) return []
        const age_ms = Number((at - BigInt(one.row.event)) / 1_000_000n)
        return [[name, { ...timesOf(one.row), age_ms }] as const]
      }),
    ),
    next: Object.fromEntries(named.flatMap(([name, one]) => (one?.next == null ? [] : [[name, timesOf(one.next)]]))),
  }
}

/** Columns of views without history, and those that are computed from them. */
function withoutHistory({ columns, on_demand }: Service, views: ReadonlySet<string>): Set<string> {
  const computed = new Set<string>()
  // each stands after what it needs
  for (const { name, inputs } of on_demand) {
    const isUntold = inputs.some(({ of }) => {
      if (of.kind === 'feature') return views.has(of.view)
      return of.kind === 'on_demand' && computed.has(of.name)
    })
    if (isUntold) computed.add(name)
  }
  const untold = columns.filter(({ of }) => ('view' in of ? views.has(of.view) : computed.has(of.on_demand)))
  return new Set(untold.map(({ name }) => name))
}

function seenEntity(seen: SeenAt | undefined, types: Parameters<typeof unpack>[1]): SeenEntity {
  if (seen === undefined) return { status: 'not_found', event: null, values: [] }
  const event = seen.row === null ? null : BigInt(seen.row.event)
  return { status: seen.status, event, values: seen.packed === null ? [] : unpack(seen.packed, types) }
}

function timesOf({ event, known }: RowTimes) {
  return { at: momentText(BigInt(event)), known_at: momentText(BigInt(known)) }
}
