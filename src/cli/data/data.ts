/** `slipway data`: data sets with their versions are listed, shown, added, brought here, compared and removed. */
import type { Client } from '../../client/client.ts'
import { dataSetsApi, type DataSet } from '../../contract/data/sets.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { add } from './add.ts'
import { diff } from './diff.ts'
import { get } from './get.ts'
import { projectFlag, versionOf } from './names.ts'
import { show } from './show.ts'

type Act = (client: Client, invocation: Invocation, args: readonly string[]) => Promise<number>

const ACTS: Readonly<Record<string, Act>> = { list, show, add, get, diff, remove }

export async function run(invocation: Invocation): Promise<number> {
  const [name = 'list', ...args] = invocation.args
  const act = Object.hasOwn(ACTS, name) ? ACTS[name] : undefined
  if (act === undefined) throw new UsageError(`data has no "${name}"; expected one of ${Object.keys(ACTS).join(', ')}`)
  if (name !== 'list' && args.length === 0) throw new UsageError(`data ${name} needs the name of a data set`)
  const { client } = await connect(invocation)
  return act(client, invocation, args)
}

async function allSets(client: Client, ofProject: { readonly project?: string }): Promise<DataSet[]> {
  const items: DataSet[] = []
  for (let page_token: string | undefined; ;) {
    const query = { limit: 1000, ...ofProject, ...(page_token !== undefined && { page_token }) }
    const page = await client.call(dataSetsApi.listDataSets, { query })
    items.push(...page.items)
    page_token = page.next_page_token
    if (page_token === undefined) return items
  }
}

async function list(client: Client, invocation: Invocation): Promise<number> {
  const { out } = invocation
  const items = await allSets(client, projectFlag(invocation))
  out.data(items)
  if (items.length === 0) out.line('there are no data sets; slipway data add NAME PATH makes one')
  else
    out.table(
      ['data set', 'project', 'versions', 'newest', 'rows', 'bytes', 'state', 'data of'],
      items.map(({ name, project, versions, latest }) => [
        name,
        project,
        String(versions),
        latest === null ? '' : String(latest.version),
        latest?.rows == null ? '' : String(latest.rows),
        latest === null ? '' : String(latest.size),
        latest?.state ?? '',
        latest?.data_at ?? '',
      ]),
    )
  return 0
}

async function remove(client: Client, invocation: Invocation, [given = '']: readonly string[]): Promise<number> {
  const params = versionOf(given)
  if (params.version === 'latest')
    throw new UsageError(`data remove needs a version by its number: slipway data remove ${params.name}@1`)
  const query = { ...projectFlag(invocation), ...(invocation.flags['force'] === true && { force: 'true' as const }) }
  await client.call(dataSetsApi.removeDataVersion, { params, query })
  invocation.out.data({ removed: `${params.name}@${params.version}` })
  invocation.out.line(`removed ${params.name}@${params.version}`)
  return 0
}
