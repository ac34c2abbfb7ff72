/** `slipway features jobs` and `cancel`: joins and materialisations, newest first; one with what it read; one that is ended. */
import type { Client } from '../../client/client.ts'
import { featureJobsApi, type FeatureJob } from '../../contract/features/jobs.ts'
import { duration } from '../../contract/text/format.ts'
import { number, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { tellJoin } from './join.ts'
import { projectOf } from './names.ts'
import { jobName } from './wait.ts'

export async function jobs(
  connected: () => Promise<Client>,
  invocation: Invocation,
  [id]: readonly string[],
): Promise<number> {
  const { out } = invocation
  const limit = number(invocation, 'limit', { min: 1, max: 1000, default: 100 })
  const query = { ...(await projectOf(invocation)), limit }
  const client = await connected()
  if (id !== undefined) return showJob(client, invocation, id)
  const { items } = await client.call(featureJobsApi.listFeatureJobs, { query })
  out.data(items)
  if (items.length === 0) out.line('there are no joins and no materialisations')
  else
    out.table(
      ['job', 'what', 'state', 'by', 'begun', 'took', 'outcome'],
      items.map((job) => [
        job.id,
        jobName(job),
        job.state,
        job.created_by,
        job.created_at,
        tookText(job),
        outcomeText(job),
      ]),
    )
  return 0
}

async function showJob(client: Client, { out }: Invocation, id: string): Promise<number> {
  const job = await client.call(featureJobsApi.getFeatureJob, { params: { id } })
  out.data(job)
  out.line(
    `${job.id}: ${jobName(job)} of project ${job.project}, ${job.state}; begun ${job.created_at} by ${job.created_by}`,
  )
  for (const one of job.views) out.line(`reads view ${one.name}@${one.version}`)
  for (const one of job.sources)
    out.line(
      `read ${one.name} of ${one.place} at ${one.read_at}: ${one.rows === null ? '' : `${one.rows} rows, `}${one.digest}`,
    )
  if (job.join !== null) tellJoin(job.join, out)
  else if (outcomeText(job) !== '') out.line(outcomeText(job))
  return 0
}

export async function cancel(
  connected: () => Promise<Client>,
  { out }: Invocation,
  [id]: readonly string[],
): Promise<number> {
  if (id === undefined) throw new UsageError('features cancel needs a job: slipway features cancel JOB')
  const client = await connected()
  const job = await client.call(featureJobsApi.cancelFeatureJob, { params: { id }, body: {} })
  out.data(job)
  out.line(`${jobName(job)} is ${job.state}`)
  return 0
}

function tookText({ started_at, ended_at }: FeatureJob): string {
  return started_at === null || ended_at === null ? '' : duration(Date.parse(ended_at) - Date.parse(started_at))
}

function outcomeText({ join, materialised, reason }: FeatureJob): string {
  if (join !== null) return `${counted(join.rows, 'row')} in ${join.data_set.name}@${join.data_set.version}`
  if (materialised === null) return reason
  const { rows, tiles, until } = materialised
  return `${counted(rows, 'row')}, ${counted(tiles, 'tile')}, until ${until}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
