/** `slipway features read`: features of entities as they are now, or with --at as they were, each with its status and its age. */
import { CallError, type Client } from '../../client/client.ts'
import { featuresApi, type FeatureService } from '../../contract/features/catalogue.ts'
import { MOST_READ, onlineApi, type FeatureRow } from '../../contract/features/online.ts'
import { ON_EXPIRED, type OnExpired, type ValueType } from '../../contract/features/section.ts'
import type { Reply } from '../../contract/route.ts'
import { duration } from '../../contract/text/format.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { lookUp, type Moment } from './look-up.ts'
import { projectOf, versionedName, type Versioned } from './names.ts'
import { rowsOf, typed, type Row, type Types } from './rows.ts'
import { entityText, valueText, viewsOfColumns } from './shown.ts'

const WAY = 'slipway features read SERVICE KEY=VALUE, or slipway features read SERVICE --entities FILE'

export async function read(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [given, ...pairs]: readonly string[],
): Promise<number> {
  const { out } = invocation
  const file = text(invocation, 'entities')
  if (given === undefined || (file === undefined) === (pairs.length === 0))
    throw new UsageError(`features read needs a service and entities: ${WAY}`)
  const named = versionedName(given, 'service')
  const texts = pairs.map(pairOf)
  const past = pastOf(invocation)
  const asked = { ...expiredFlag(invocation), ...(await projectOf(invocation)), service: named.name }
  const client = await connected()
  const service = await serviceOf(client, named, await projectOf(invocation))
  const types = service === undefined ? undefined : typesOf(service, past?.column)
  const entities = file === undefined ? [entityOf(texts, types)] : await rowsOf(file, () => Promise.resolve(types))
  if (past !== undefined)
    return lookUp(client, invocation, { ...past, named, project: await projectOf(invocation), entities, service })
  const replies: Reply<typeof onlineApi.readFeatures>[] = []
  for (let at = 0; at < entities.length; at += MOST_READ) {
    if (entities.length > MOST_READ) out.progress(`${at} of ${entities.length} entities are read`)
    const body = {
      ...asked,
      ...(named.version !== undefined && { version: named.version }),
      entities: entities.slice(at, at + MOST_READ),
    }
    replies.push(await client.call(onlineApi.readFeatures, { body }))
  }
  const [first] = replies
  const rows = replies.flatMap((one) => one.rows)
  const views = first?.views ?? []
  out.data({ service: first?.service ?? null, views, rows })
  tell(invocation, { entities, rows, service })
  for (const { view, version } of views.filter(({ stored }) => !stored))
    out.line(
      `nothing of ${view}@${version} was ever materialised or pushed; slipway features materialise ${view} or push ${view} FILE fills it`,
    )
  return 0
}

function expiredFlag(invocation: Invocation): { readonly on_expired?: OnExpired } {
  const given = text(invocation, 'on-expired')
  if (given === undefined) return {}
  const on_expired = ON_EXPIRED.find((one) => one === given)
  if (on_expired !== undefined) return { on_expired }
  throw new UsageError(`--on-expired is "${given}"; expected one of ${ON_EXPIRED.join(', ')}`)
}

function entityOf(pairs: readonly (readonly [string, string])[], types: Types | undefined): Row {
  return Object.fromEntries(
    pairs.map(([key, value]) => [key, typed(value, types?.get(key) ?? 'text', ['the arguments', key])]),
  )
}

/** The moment of --at, or the column that --time names; undefined for reading as it is now. */
function pastOf(invocation: Invocation): Moment | undefined {
  const [at, column] = [text(invocation, 'at'), text(invocation, 'time')]
  if (at === undefined && column === undefined) return undefined
  if (at !== undefined && column !== undefined)
    throw new UsageError('features read takes either --at TIME, or --time COLUMN with --entities FILE')
  if (column !== undefined && text(invocation, 'entities') === undefined)
    throw new UsageError('--time names a column of --entities FILE; of one entity --at says the time')
  if (text(invocation, 'on-expired') !== undefined)
    throw new UsageError('--on-expired is for reading as it is now; a look-up in the past goes by the service')
  return { at, column }
}

interface Shown {
  readonly entities: readonly Row[]
  readonly rows: readonly FeatureRow[]
  readonly service: FeatureService | undefined
}

/** Of one entity its features; of several each with its entity before it. */
function tell({ out }: Invocation, { entities, rows, service }: Shown): void {
  const isOne = rows.length === 1
  const viewOf = viewsOfColumns(service)
  out.table(
    [...(isOne ? [] : ['entity']), 'feature', 'value', 'status', 'age'],
    rows.flatMap(({ features, missing, events }, i) => {
      const names = [...new Set([...Object.keys(features), ...Object.keys(missing)])]
      return names.map((name) => [
        ...(isOne ? [] : [entityText(entities[i] ?? {})]),
        name,
        valueText(features[name]),
        missing[name] ?? 'present',
        ageText(events[viewOf.get(name) ?? '']),
      ])
    }),
  )
}

function ageText(event: { readonly age_ms: number } | undefined): string {
  return event === undefined ? '' : duration(event.age_ms)
}

function pairOf(pair: string): readonly [string, string] {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`"${pair}" is no entity; expected KEY=VALUE, for example driver_id=7`)
  return [pair.slice(0, at), pair.slice(at + 1)]
}

/** Undefined for a token that may read features and no definitions, as that of a service. */
async function serviceOf(
  client: Client,
  { name, version }: Versioned,
  query: { readonly project?: string },
): Promise<FeatureService | undefined> {
  try {
    return await client.call(featuresApi.getFeatureService, {
      params: { name },
      query: { ...query, ...(version !== undefined && { version }) },
    })
  } catch (error) {
    if (error instanceof CallError && error.status === 403) return undefined
    throw error
  }
}

/** Keys are sent as texts: the server reads a whole number from its digits, and a text keeps its zeros. */
function typesOf({ views, fields }: FeatureService, time?: string): Types {
  return new Map<string, ValueType>([
    ...(time === undefined ? [] : [[time, 'text'] as const]),
    ...views.flatMap(({ keys }) => keys.map((key) => [key, 'text'] as const)),
    ...fields.map(({ name, type }) => [name, type] as const),
  ])
}
