/** Starts joins and materialisations: what is asked for is held against what there is, and a job is put into the queue. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { projectNamed } from '../../auth/visibility.ts'
import { enqueue } from '../../jobs/queue.ts'
import { requireOwn } from '../../store/blobs/owners.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import type { Tx } from '../../store/db.ts'
import { insertRow } from '../../store/sql/rows.ts'
import type { JobsContext } from './context.ts'
import type { Version } from '../definitions/catalogue.ts'
import { requireVersion, requireViews } from '../definitions/require.ts'
import { findJob, materialising, type JobRow, type JoinAsked, type MaterialiseAsked } from './rows.ts'

/** The kind of jobs of the queue. */
export const FEATURE_JOB = 'features.run'

/** Times that a job is begun: a source may be away for a while, and a server may be killed. */
const MOST_ATTEMPTS = 5

export interface JoinGiven {
  readonly project?: string | undefined
  readonly service: string
  readonly version?: number | undefined
  readonly tree?: string | undefined
  readonly data_set?: string | undefined
  readonly time: string
  readonly include_late_data: boolean
  readonly into: string
}

/** Throws `not_found`, `invalid_field`, and `unprocessable` for a service whose views have no history. */
export async function startJoin(context: JobsContext, who: Principal, given: JoinGiven): Promise<JobRow> {
  const { service: name, version } = given
  const project = projectNamed(who, given.project)
  const found = await requireVersion(context, { project, kind: 'service', name, version })
  const { views } = found.definition
  for (const view of Object.values(await requireViews(context, project, found.definition))) refuseWithoutSource(view)
  const entities = await entitiesOf(context, who, project, given)
  const { time, include_late_data, into } = given
  const asked: JoinAsked = { ...entities, time, include_late_data, into }
  const used = [...new Map(views.map((one) => [`${one.view}@${one.version}`, one])).values()]
  return start(context, who, {
    of: { project, kind: 'join', name, version: found.version },
    asked,
    views: used.map((one) => ({ name: one.view, version: one.version })),
  })
}

function refuseWithoutSource({ name, version, definition }: Version<'view'>): void {
  if (definition.origin !== null) return
  const detail = `view ${name}@${version} has no source: its rows are pushed, and no history of them is kept`
  throw problem('unprocessable', { detail })
}

async function entitiesOf(
  { db, blobs, below }: JobsContext,
  who: Principal,
  project: string,
  { tree, data_set }: JoinGiven,
): Promise<Pick<JoinAsked, 'tree' | 'data_set'>> {
  if ((tree === undefined) === (data_set === undefined))
    throw problem('invalid_field', { field: 'tree', value: tree, expected: 'either "tree" or "data_set"' })
  const { tables } = below().data
  if (data_set !== undefined) {
    const parsed = DATA_SET.exec(data_set)?.groups
    if (parsed === undefined)
      throw problem('invalid_field', { field: 'data_set', value: data_set, expected: 'NAME or NAME@VERSION' })
    const found = await tables.find(project, parsed['name'] ?? '', parsed['version'] ?? 'latest')
    if (found === undefined) throw problem('not_found', { what: 'data set', id: data_set })
    return { tree: found.digest, data_set: `${parsed['name']}@${found.version}` }
  }
  const digest = tree ?? ''
  await requireOwn(db, who, digest, (own) => tables.holds(own, digest))
  if (!(await blobs.has(digest))) throw problem('not_found', { what: 'tree', id: digest })
  const files = await treeFiles(blobs, digest)
  if (files.length === 0) throw problem('unprocessable', { detail: 'the table of entities has no files' })
  return { tree: digest, data_set: null }
}

const DATA_SET = /^(?<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})(?:@(?<version>latest|[1-9]\d{0,8}))?$/

/** From it on 64 bits hold nanoseconds. */
const EARLIEST_MS = Date.UTC(1678, 0)

export interface MaterialiseGiven {
  readonly project?: string | undefined
  readonly name: string
  readonly version?: number | undefined
  readonly until?: string | undefined
}

/** Throws `not_found`, `invalid_field`, `unprocessable` for a view without a source, and `conflict` where one of this version goes on. */
export async function startMaterialise(
  context: JobsContext,
  who: Principal,
  { name, version, ...given }: MaterialiseGiven,
): Promise<JobRow> {
  const project = projectNamed(who, given.project)
  const found = await requireVersion(context, { project, kind: 'view', name, version })
  refuseWithoutSource(found)
  const now = context.clock()
  const until = given.until === undefined ? now : Date.parse(given.until)
  if (until > now)
    throw problem('invalid_field', {
      field: 'until',
      value: given.until,
      expected: `a time that has come: it is ${toTime(now)}`,
    })
  if (until < EARLIEST_MS)
    throw problem('invalid_field', {
      field: 'until',
      value: given.until,
      expected: `a time from ${toTime(EARLIEST_MS)} on`,
    })
  const asked: MaterialiseAsked = { until }
  const of = { project, kind: 'materialise' as const, name, version: found.version }
  return start(context, who, { of, asked, views: [{ name, version: found.version }] }, async (t) => {
    await t.lock(`feature_jobs ${project} ${name}@${found.version}`)
    const other = await materialising(t, of)
    if (other === undefined) return
    const detail = `view ${name}@${found.version} is being materialised already: job ${other.id} is ${other.state}`
    throw problem('conflict', { detail })
  })
}

/** One job runs at a time, and other projects want their turn. */
const MOST_OPEN = 20
const OPEN_OF = "SELECT count(*) AS open FROM feature_jobs WHERE project = ? AND state IN ('waiting', 'running')"

interface Starting {
  readonly of: Pick<JobRow, 'project' | 'kind' | 'name' | 'version'>
  readonly asked: JoinAsked | MaterialiseAsked
  readonly views: readonly { readonly name: string; readonly version: number }[]
}

async function start(
  { db, clock, ids, audit, changed }: JobsContext,
  who: Principal,
  { of, asked, views }: Starting,
  check: (t: Tx) => Promise<void> = () => Promise.resolve(),
): Promise<JobRow> {
  const id = ids('fj')
  return db.tx(async (t) => {
    await check(t)
    const { open = 0 } = (await t.get<{ open: number }>(OPEN_OF, [of.project])) ?? {}
    if (open >= MOST_OPEN)
      throw problem('conflict', { detail: `${open} jobs of the project wait or run; ${MOST_OPEN} are the most` })
    const job_id = await enqueue(t, { kind: FEATURE_JOB, payload: { id }, max_attempts: MOST_ATTEMPTS })
    await insertRow(t, 'feature_jobs', {
      id,
      ...of,
      request: JSON.stringify(asked),
      state: 'waiting',
      reason: '',
      sources: '[]',
      views: JSON.stringify(views),
      outcome: null,
      job_id,
      created_at: clock(),
      created_by: who.name,
      started_at: null,
      ended_at: null,
    })
    const detail = { started: of.kind, of: `${of.name}@${of.version}`, ...asked }
    await audit.record(t, who, { verb: 'write', resource: 'artifacts', id: idOf(of.project, id), detail })
    t.afterCommit(() => changed(id))
    const row = await findJob(t, id)
    if (row === undefined) throw new Error(`the job ${id} is not there after it was written`)
    return row
  })
}

/** How the audit chain names a job. */
export function idOf(project: string, id: string): string {
  return `feature-job:${project}/${id}`
}
