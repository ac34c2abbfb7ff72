/** `slipway features diff`: what applying would change and who reads it now, or what differs between two versions. */
import type { Client } from '../../client/client.ts'
import { featuresApi, type DefinitionChange, type DefinitionKind } from '../../contract/features/catalogue.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { changesOf, countText, differenceText, tellChange } from './changes.ts'
import { kindOf, kindWord, projectOf, versionedName } from './names.ts'

export async function diff(
  client: () => Promise<Client>,
  invocation: Invocation,
  args: readonly string[],
): Promise<number> {
  const [first = '.', from, to] = args
  return from === undefined ? preview(client, invocation, first) : compare(client, invocation, [first, from, to])
}

/** A service that reads a view as it is now. */
interface Reader {
  readonly name: string
  readonly version: number
  readonly view_version: number
}

async function preview(connected: () => Promise<Client>, invocation: Invocation, folder: string): Promise<number> {
  const { out } = invocation
  const { changes, project } = await changesOf(connected, invocation, { folder, isDry: true })
  const changed = changes.filter(({ change }) => change !== 'unchanged')
  const readers = new Map<DefinitionChange, readonly Reader[]>()
  for (const one of changed.filter(({ kind, change }) => kind === 'view' && change === 'changed')) {
    const client = await connected()
    const view = await client.call(featuresApi.getFeatureView, { params: { name: one.name }, query: { project } })
    readers.set(one, view.services)
  }
  out.data({
    project,
    changes: changes.map((one) => ({ ...one, ...(readers.has(one) && { services: readers.get(one) }) })),
  })
  for (const one of changed) {
    tellChange(one, out)
    for (const service of readers.get(one) ?? [])
      out.line(`  service ${service.name}@${service.version} reads ${one.name}@${service.view_version} now`)
    if (readers.get(one)?.length === 0) out.line('  no service reads it now')
  }
  out.line(`project ${project}: ${countText(changes)} if it is applied`)
  return 0
}

/** As the routes name kinds. */
const ROUTE_KINDS = {
  entity: 'entities',
  view: 'views',
  on_demand: 'on-demand',
  service: 'services',
} as const satisfies Readonly<Record<DefinitionKind, string>>

async function compare(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [given, before, after]: readonly [string, string, string | undefined],
): Promise<number> {
  const { out } = invocation
  const { name } = versionedName(given, 'definition')
  const [from, to] = [numberOf(before), after === undefined ? undefined : numberOf(after)]
  const client = await connected()
  const kind = await kindOf(client, invocation, name)
  const query = { ...(await projectOf(invocation)), from, ...(to !== undefined && { to }) }
  const { items } = await client.call(featuresApi.compareFeatures, { params: { kind: ROUTE_KINDS[kind], name }, query })
  out.data(items)
  out.line(`${kindWord(kind)} ${name}, from ${from} to ${to ?? 'the newest'}`)
  for (const one of items) out.line(`  ${differenceText(one)}`)
  if (items.length === 0) out.line('  both mean the same')
  return 0
}

function numberOf(given: string): number {
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given)
  throw new UsageError(`"${given}" is no version; expected a number: slipway features diff NAME 1 2`)
}
