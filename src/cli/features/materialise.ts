/** `slipway features materialise`: the sources of views are read into the online store. */
import type { Client } from '../../client/client.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { featureJobsApi, type FeatureJob, type MaterialiseOutcome } from '../../contract/features/jobs.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { projectOf, versionedName, type Versioned } from './names.ts'
import { followJob, isDone } from './wait.ts'

/** 0, or 1 where one failed or was canceled. */
export async function materialise(
  connected: () => Promise<Client>,
  invocation: Invocation,
  args: readonly string[],
): Promise<number> {
  const { out } = invocation
  const isAll = invocation.flags['all'] === true
  if (isAll === args.length > 0)
    throw new UsageError('features materialise needs views or --all: slipway features materialise VIEW')
  const given = args.map((one) => versionedName(one, 'feature view'))
  const until = untilFlag(invocation)
  const project = await projectOf(invocation)
  const client = await connected()
  const views = isAll ? await withSource(client, project) : given
  if (views.length === 0) throw new UsageError('no view has a source; rows of the others are pushed')
  const begun: FeatureJob[] = []
  for (const { name, version } of views) {
    const body = { ...project, ...(version !== undefined && { version }), ...(until !== undefined && { until }) }
    begun.push(await client.call(featureJobsApi.materialiseFeatures, { params: { name }, body }))
  }
  const jobs: FeatureJob[] = []
  for (const job of begun) jobs.push(await followJob(client, job, out))
  out.data(jobs)
  const done = jobs.filter((job) => isDone(job, out))
  if (done.length > 0)
    out.table(
      ['view', 'rows', 'tiles', 'without key', 'later', 'until'],
      done.map((job) => [`${job.name}@${job.version}`, ...outcomeCells(job.materialised)]),
    )
  return done.length === jobs.length ? 0 : 1
}

function outcomeCells(outcome: MaterialiseOutcome | null): string[] {
  if (outcome === null) return ['', '', '', '', '']
  const { rows, tiles, without_key, later, until } = outcome
  return [String(rows), String(tiles), String(without_key), String(later), until]
}

async function withSource(client: Client, query: { readonly project?: string }): Promise<Versioned[]> {
  const { views } = await client.call(featuresApi.listFeatures, { query })
  return views.filter(({ sources, query: sql }) => sources.length > 0 || sql !== null).map(({ name }) => ({ name }))
}

function untilFlag(invocation: Invocation): string | undefined {
  const given = text(invocation, 'until')
  if (given === undefined) return undefined
  const ms = Date.parse(given)
  if (Number.isNaN(ms))
    throw new UsageError(`--until is "${given}", not a time; expected for example 2026-05-03T10:00Z`)
  return new Date(ms).toISOString()
}
