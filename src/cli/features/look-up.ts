/** `slipway features read --at`: features of entities as they were, with the row that was seen, the one that came later, and the snapshots. */
import type { Client } from '../../client/client.ts'
import type { FeatureService } from '../../contract/features/catalogue.ts'
import { lookUpApi, type LookedUpRow, type LookedUpView, type RowTimes } from '../../contract/features/look-up.ts'
import { MOST_READ } from '../../contract/features/online.ts'
import { duration } from '../../contract/text/format.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import type { Versioned } from './names.ts'
import type { Row } from './rows.ts'
import { entityText, valueText, viewsOfColumns } from './shown.ts'

/** Exactly one of both. */
export interface Moment {
  /** Of all entities. */
  readonly at: string | undefined
  /** The column of each entity's own. */
  readonly column: string | undefined
}

interface Asked extends Moment {
  readonly named: Versioned
  readonly project: { readonly project?: string }
  readonly entities: readonly Row[]
  readonly service: FeatureService | undefined
}

export async function lookUp(client: Client, { out }: Invocation, asked: Asked): Promise<number> {
  const { named, project, service } = asked
  const { moments, entities } = momentsOf(asked)
  const rows: LookedUpRow[] = []
  let answered: Pick<Awaited<ReturnType<typeof send>>, 'service' | 'views'> | undefined
  const send = (from: number) =>
    client.call(lookUpApi.lookUpFeatures, {
      body: {
        ...project,
        service: named.name,
        ...(named.version !== undefined && { version: named.version }),
        entities: entities.slice(from, from + MOST_READ),
        ...('at' in moments ? moments : { times: moments.times.slice(from, from + MOST_READ) }),
      },
    })
  out.progress('the sources are read')
  for (let from = 0; from < entities.length; from += MOST_READ) {
    const reply = await send(from)
    answered ??= reply
    rows.push(...reply.rows)
  }
  const views = answered?.views ?? []
  out.data({ service: answered?.service ?? null, views, rows })
  tell(out, { entities, rows, service })
  if (rows.length === 1 && rows[0] !== undefined) tellNext(rows[0], views, out)
  for (const view of views) tellView(view, out)
  return 0
}

function momentsOf({ at, column, entities }: Asked): {
  readonly moments: { readonly at: string } | { readonly times: readonly string[] }
  readonly entities: Row[]
} {
  if (column === undefined) return { moments: { at: at ?? '' }, entities: [...entities] }
  const times = entities.map((entity, i) => {
    const time = entity[column]
    if (typeof time === 'string' && time !== '') return time
    throw new UsageError(`row ${i + 1} has no time in the column "${column}", which --time names`)
  })
  const others = entities.map((entity) =>
    Object.fromEntries(Object.entries(entity).filter(([name]) => name !== column)),
  )
  return { moments: { times }, entities: others }
}

interface Shown {
  readonly entities: readonly Row[]
  readonly rows: readonly LookedUpRow[]
  readonly service: FeatureService | undefined
}

/** Of one entity its features; of several each with its entity and its moment before it. */
function tell(out: Output, { entities, rows, service }: Shown): void {
  const isOne = rows.length === 1
  const viewOf = viewsOfColumns(service)
  out.table(
    [...(isOne ? [] : ['entity', 'at']), 'feature', 'value', 'status', 'happened', 'known', 'age'],
    rows.flatMap(({ at, features, missing, events }, i) =>
      Object.entries(features).map(([name, value]) => {
        const event = events[viewOf.get(name) ?? '']
        return [
          ...(isOne ? [] : [entityText(entities[i] ?? {}), at]),
          name,
          valueText(value),
          missing[name] ?? 'present',
          event?.at ?? '',
          event?.known_at ?? '',
          event === undefined ? '' : duration(event.age_ms),
        ]
      }),
    ),
  )
}

function tellNext({ at, next }: LookedUpRow, views: readonly LookedUpView[], out: Output): void {
  for (const { name } of views) {
    const row = next[name]
    if (row !== undefined) out.line(`${name}: ${nextText(row, at)}`)
  }
}

/** What comes in place of what is seen at a moment. */
function nextText({ at, known_at }: RowTimes, moment: string): string {
  if (Date.parse(at) > Date.parse(moment)) return `the next row happened ${at}, and became known ${known_at}`
  return `a row of ${at} had happened, and became known only ${known_at}`
}

function tellView({ name, view, version, history, pushed, sources }: LookedUpView, out: Output): void {
  const as = name === view ? `${view}@${version}` : `${view}@${version} as ${name}`
  if (!history) {
    out.line(`${as} has no history: its rows are pushed, and what was seen then is not known`)
    return
  }
  for (const one of sources) {
    const rows = one.rows === null ? '' : `${one.rows} rows, `
    const kept = one.unchanged ? ', unchanged since it was read before' : ''
    out.line(`${as} was read from ${one.name} of ${one.place} at ${one.read_at}${kept}: ${rows}${one.digest}`)
  }
  if (pushed) out.line(`rows that were pushed into ${as} have no history and are not among these`)
}
