/** `slipway features join`: a table of entities gets the features of a service as they were known at the time of each row. */
import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import type { Client } from '../../client/client.ts'
import { ifMissing } from '../../contract/absence/absent.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { featureJobsApi, type FeatureJob, type JoinOutcome } from '../../contract/features/jobs.ts'
import { FEATURE_STATUSES } from '../../contract/features/online.ts'
import { upload } from '../data/add.ts'
import { bring } from '../data/get.ts'
import { versionOf } from '../data/names.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { projectOf, versionedName } from './names.ts'
import { followJob, isDone } from './wait.ts'

const WAY = 'slipway features join trips.csv --service NAME'
const DATA_SET = 'data_set:'

/** 0, or 1 where the join failed or was canceled. */
export async function join(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [entities]: readonly string[],
): Promise<number> {
  const { out } = invocation
  const service = text(invocation, 'service')
  if (entities === undefined || service === undefined)
    throw new UsageError(`features join needs a table of entities and a service: ${WAY}`)
  const named = versionedName(service, 'service')
  const target = text(invocation, 'output')
  if (target !== undefined) await refuseTaken(target, invocation.flags['force'] === true)
  const from = await entitiesOf(entities)
  const client = await connected()
  const content = 'file' in from ? { tree: (await upload(client, invocation, from.file)).tree } : from
  const time = text(invocation, 'time')
  const project = await projectOf(invocation)
  const body = {
    ...project,
    service: named.name,
    ...(named.version !== undefined && { version: named.version }),
    ...content,
    ...(time !== undefined && { time }),
    include_late_data: invocation.flags['include-late-data'] === true,
    into: text(invocation, 'into') ?? `${named.name}_training`,
  }
  const begun = await client.call(featureJobsApi.joinFeatures, { body })
  const job = await followJob(client, begun, out)
  if (!isDone(job, out) || job.join === null) {
    out.data({ ...job, output: null })
    return 1
  }
  tellJoin(job.join, out)
  if (target !== undefined) await bringResult(client, { job, project }, resolve(target))
  out.data({ ...job, output: target === undefined ? null : resolve(target) })
  if (target !== undefined) out.line(`it lies in ${resolve(target)}`)
  return 0
}

/** A data set, or a file that is there. Throws UsageError. */
async function entitiesOf(given: string): Promise<{ readonly data_set: string } | { readonly file: string }> {
  if (given.startsWith(DATA_SET)) {
    const { name, version } = versionOf(given.slice(DATA_SET.length))
    return { data_set: version === 'latest' ? name : `${name}@${version}` }
  }
  const found = await ifMissing(stat(given))
  if (found === undefined) throw new UsageError(`there is no file ${given}; expected a table, or ${DATA_SET}NAME`)
  if (!found.isFile() || !['.csv', '.parquet'].includes(extname(given).toLowerCase()))
    throw new UsageError(`${given} is no table; expected a file that ends in .csv or .parquet, or ${DATA_SET}NAME`)
  return { file: given }
}

/** Asked before the join begins, and not when it is over. */
async function refuseTaken(target: string, isForced: boolean): Promise<void> {
  if (extname(target).toLowerCase() !== '.parquet')
    throw new UsageError(`--output is "${target}"; expected the name of a Parquet file, for example training.parquet`)
  const found = await ifMissing(stat(target))
  if (found === undefined || (isForced && found.isFile())) return
  throw new UsageError(`${target} is there already; write over it: --force`)
}

/** How many values of each column are of which status. */
export function tellJoin({ rows, columns, data_set }: JoinOutcome, out: Output): void {
  out.line(`${rows} rows in data set ${data_set.name}@${data_set.version}`)
  const known = FEATURE_STATUSES.filter((status) => columns.some(({ statuses }) => (statuses[status] ?? 0) > 0))
  out.table(
    ['column', ...known],
    columns.map(({ name, statuses }) => [name, ...known.map((status) => String(statuses[status] ?? 0))]),
  )
}

async function bringResult(
  client: Client,
  { job, project: query }: { readonly job: FeatureJob; readonly project: { readonly project?: string } },
  target: string,
): Promise<void> {
  const { name, version } = job.join?.data_set ?? { name: '', version: 0 }
  const params = { name, version: String(version) }
  const { items } = await client.call(dataSetsApi.listDataFiles, { params, query })
  const [file] = items
  if (file === undefined || items.length > 1)
    throw new Error(
      `${name}@${version} has ${items.length} files, where one table was expected; bring them: slipway data get ${name}@${version}`,
    )
  await bring(client, { params, query }, file, target)
}
