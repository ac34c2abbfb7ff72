/** `slipway features show`: one definition, with its versions and who takes it. */
import type { z } from 'zod'
import type { Client } from '../../client/client.ts'
import { featuresApi, type ViewFeature } from '../../contract/features/catalogue.ts'
import { duration } from '../../contract/text/format.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { tellStatistics } from './statistics.ts'
import { kindOf, kindWord, projectOf, versionedName, type Versioned } from './names.ts'

export async function show(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [given]: readonly string[],
): Promise<number> {
  if (given === undefined) throw new UsageError('features show needs a name: slipway features show NAME')
  const wanted = versionedName(given, 'definition')
  const client = await connected()
  const kind = await kindOf(client, invocation, wanted.name)
  const asked = { client, out: invocation.out, wanted, query: await projectOf(invocation) }
  if (kind === 'view') return showView(asked)
  if (kind === 'service') return showService(asked)
  return showNewest(asked, kind)
}

interface Asked {
  readonly client: Client
  readonly out: Output
  readonly wanted: Versioned
  readonly query: { readonly project?: string }
}

async function showView({ client, out, wanted, query }: Asked): Promise<number> {
  const { name, version } = wanted
  const view = await client.call(featuresApi.getFeatureView, {
    params: { name },
    query: { ...query, ...(version !== undefined && { version }) },
  })
  out.data(view)
  out.line(`view ${view.name}@${view.version}, changed ${view.changed_at} by ${view.changed_by}`)
  tellAbout(view, out)
  out.line(
    `of ${view.entities.length === 0 ? 'no entity: one row for everything' : view.entities.join(', ')}${keysText(view.keys)}`,
  )
  for (const source of view.sources) out.line(`source ${source.name}: ${source.kind} ${source.place}`)
  if (view.query !== null) out.line(`query: ${view.query.trim()}`)
  if (view.push) out.line('rows are pushed')
  const known = view.created_time === null ? '' : `, known by ${view.created_time}`
  const life = view.ttl_ms === null ? 'no time to live' : `time to live ${duration(view.ttl_ms)}`
  out.line(`happens at ${view.event_time}${known}; ${life}`)
  out.table(
    ['feature', 'type', 'of', 'window'],
    view.features.map((one) => [one.name, one.type, one.column ?? '', windowText(one)]),
  )
  if (view.statistics !== null) tellStatistics(view.statistics, out)
  for (const one of view.services) out.line(`service ${one.name}@${one.version} reads ${view.name}@${one.view_version}`)
  tellVersions(view.versions, out)
  return 0
}

async function showService({ client, out, wanted, query }: Asked): Promise<number> {
  const { name, version } = wanted
  const service = await client.call(featuresApi.getFeatureService, {
    params: { name },
    query: { ...query, ...(version !== undefined && { version }) },
  })
  out.data(service)
  out.line(`service ${service.name}@${service.version}, changed ${service.changed_at} by ${service.changed_by}`)
  tellAbout(service, out)
  for (const one of service.views) {
    const as = one.name === one.view ? '' : ` as ${one.name}`
    out.line(`reads ${one.view}@${one.version}${as} by ${one.keys.join(', ') || 'no key'}`)
  }
  for (const field of service.fields) out.line(`a request gives ${field.name} (${field.type})`)
  out.line(`a value older than its time to live: ${EXPIRED[service.on_expired]}`)
  out.table(
    ['column', 'type', 'of'],
    service.columns.map((one) => [one.name, one.type, one.of]),
  )
  tellVersions(service.versions, out)
  return 0
}

const EXPIRED = { null: 'null', value: 'served all the same', refuse: 'the answer is refused' } as const

async function showNewest({ client, out, wanted, query }: Asked, kind: 'entity' | 'on_demand'): Promise<number> {
  const all = await client.call(featuresApi.listFeatures, { query })
  const one = (kind === 'entity' ? all.entities : all.on_demand).find(({ name }) => name === wanted.name)
  if (one === undefined)
    throw new UsageError(`there is no ${kindWord(kind)} "${wanted.name}"; slipway features lists them`)
  if (wanted.version !== undefined && wanted.version !== one.version)
    throw new UsageError(
      `of an ${kindWord(kind)} the newest version is shown, ${one.name}@${one.version}; slipway features diff ${one.name} ${wanted.version} --kind ${kind} compares another with it`,
    )
  out.data(one)
  out.line(`${kindWord(kind)} ${one.name}@${one.version}, changed ${one.changed_at} by ${one.changed_by}`)
  tellAbout(one, out)
  if ('inputs' in one) {
    out.line(`${one.type}: ${one.sql}`)
    out.table(
      ['input', 'type', 'of'],
      one.inputs.map((input) => [input.name, input.type, input.of]),
    )
  } else
    out.table(
      ['key', 'type'],
      one.keys.map((key) => [key.name, key.type]),
    )
  return 0
}

interface About {
  readonly description: string
  readonly owner: string
  readonly tags: Readonly<Record<string, string>>
}

function tellAbout({ description, owner, tags }: About, out: Output): void {
  if (description !== '') out.line(description)
  if (owner !== '') out.line(`owner ${owner}`)
  for (const [tag, value] of Object.entries(tags)) out.line(`${tag}=${value}`)
}

function keysText(keys: readonly { readonly name: string; readonly type: string }[]): string {
  return keys.length === 0 ? '' : ` by ${keys.map(({ name, type }) => `${name} (${type})`).join(', ')}`
}

function windowText({ window }: z.output<typeof ViewFeature>): string {
  if (window === null) return ''
  const q = window.q === null ? '' : ` ${window.q}`
  return `${window.take}${q} over ${duration(window.over_ms)}, by ${duration(window.step_ms)}`
}

function tellVersions(
  versions: readonly { readonly version: number; readonly created_at: string; readonly created_by: string }[],
  out: Output,
): void {
  if (versions.length > 1)
    out.table(
      ['version', 'since', 'by'],
      versions.map((one) => [String(one.version), one.created_at, one.created_by]),
    )
}
