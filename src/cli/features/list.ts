/** `slipway features list`: all definitions of a project, each in its newest version. */
import type { Client } from '../../client/client.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { kindWord, projectOf } from './names.ts'

export async function list(
  client: () => Promise<Client>,
  invocation: Invocation,
  [extra]: readonly string[],
): Promise<number> {
  if (extra !== undefined)
    throw new UsageError(`"${extra}" is one argument too many; slipway features show ${extra} shows one`)
  const { out } = invocation
  const query = await projectOf(invocation)
  const all = await (await client()).call(featuresApi.listFeatures, { query })
  out.data(all)
  const rows = [
    ...all.entities.map(
      (one) => [kindWord('entity'), one, one.keys.map(({ name, type }) => `${name} ${type}`)] as const,
    ),
    ...all.views.map((one) => [kindWord('view'), one, one.features.map(({ name }) => name)] as const),
    ...all.on_demand.map((one) => [kindWord('on_demand'), one, [one.sql]] as const),
    ...all.services.map((one) => [kindWord('service'), one, one.columns.map(({ name }) => name)] as const),
  ]
  if (rows.length === 0) {
    const where = query.project === undefined ? '' : ` in project ${query.project}`
    out.line(`there are no features${where}; slipway features apply brings those of a project file`)
  } else
    out.table(
      ['kind', 'name', 'version', 'has', 'owner', 'description'],
      rows.map(([kind, { name, version, description, ...one }, has]) => [
        kind,
        name,
        String(version),
        few(has),
        'owner' in one ? one.owner : '',
        description,
      ]),
    )
  return 0
}

/** Names that one line shows. */
const FEW = 4

function few(names: readonly string[]): string {
  const more = names.length > FEW ? ` and ${names.length - FEW} more` : ''
  return `${names.slice(0, FEW).join(', ')}${more}`
}
