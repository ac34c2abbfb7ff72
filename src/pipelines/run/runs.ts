/** Runs as people ask for them: started, cancelled, repeated, proved, listed. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Trigger } from '../../contract/pipelines.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { faultPoint } from '../../store/fault.ts'
import { whyUnreadable, type Context } from '../context/context.ts'
import {
  FINAL_RUNS,
  isDone,
  parseRun,
  readRun,
  readState,
  type RunOptions,
  type RunRow,
  type RunTree,
} from '../context/rows.ts'
import type { Proof } from '../proof/grade.ts'
import { refuseOther, runNamed } from './named.ts'
import { findMissing, openProof } from './reproduce.ts'
import type { KeptMerge } from '../context/merges.ts'
import { pinAliases } from '../spec/pin.ts'
import { mayRaise, priorityOf } from '../limits/priority.ts'
import { elsewhere, placed } from '../line/places.ts'
import { holdPools, refuseUnknownPools } from '../pools/pools.ts'
import { checkParams, checkSet, withSet } from '../spec/params.ts'
import { withPartition } from '../spec/partitions/params.ts'
import { notePartition } from '../partitions/rows.ts'
import type { Partition } from '../spec/partitions/partitions.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { currentVersion, requireVersion, type VersionRow } from '../spec/versions.ts'

/** What a new run is. */
export interface NewRun {
  readonly version: VersionRow
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly options: Partial<RunOptions>
  readonly trigger: Trigger
  readonly merge?: KeptMerge | undefined
  /** The backfill that it belongs to. */
  readonly backfill?: string
  /** What happened that it is started for, in one sentence. */
  readonly cause?: string
  /** Given by a caller that must not start the same run twice; default a new one. */
  readonly id?: string
  /** The caller's own name of the run, in place of an id: asked for again, the run that it made is answered. */
  readonly once?: string | undefined
}

const NO_OPTIONS: RunOptions = {
  from: null,
  force: false,
  register: true,
  deploy: false,
  reproduces: null,
  tolerance: 0,
  retries: null,
  strict: false,
}

/** What a run begins with. */
export interface Settled extends Pick<RunRow, 'params' | 'options'> {
  readonly partition: Partition | undefined
}

/** The params of the steps of a run and its options, checked. Throws `invalid_field` for unknown steps and params, and for values that are not allowed. */
export async function settleRun(
  { deps: { db, clock, aliasVersion, places = ['local'] } }: Context,
  spec: PipelineSpec,
  given: Pick<NewRun, 'params' | 'options'>,
): Promise<Settled> {
  const { set: asked = {}, partition: key, ...others } = given.options
  const set = checkSet(spec, asked)
  const { partition, params: own } = withPartition(spec, { key, params: checkParams(spec, given.params) }, clock())
  const checked = withSet(spec, set, own)
  const params = aliasVersion === undefined ? checked : await pinAliases(spec, checked, aliasVersion)
  const options = {
    ...NO_OPTIONS,
    ...others,
    ...(partition !== undefined && { partition: partition.key }),
    ...(Object.keys(set).length > 0 && { set }),
  }
  if (options.from !== null && !spec.steps.some((step) => step.name === options.from)) {
    const expected = `one of the steps ${spec.steps.map((step) => step.name).join(', ')}`
    throw problem('invalid_field', { field: 'from', value: options.from, expected })
  }
  for (const { name, on = 'local' } of spec.steps) {
    const wanted = options.on ?? on
    if (places.includes(wanted)) continue
    const field = options.on === undefined ? `pipeline.steps.${name}.on` : 'on'
    throw problem('invalid_field', {
      field,
      value: wanted,
      expected: `${places.join(' or ')}; ${UNKNOWN_PLACE[wanted]}`,
    })
  }
  await refuseUnknownPools(db, spec.steps)
  return { params, options, partition }
}

const UNKNOWN_PLACE: Readonly<Record<DriverName, string>> = {
  local: 'this server runs nothing itself',
  ray: 'the server knows a Ray cluster where SLIPWAY_RAY_URL is set',
  kubernetes: 'the server knows a Kubernetes cluster where SLIPWAY_KUBECONFIG is set',
  slurm: 'the server knows a Slurm cluster where SLIPWAY_SLURM_URL is set',
  external: 'tasks of a foreign scheduler are not heard here',
}

/** Writes a run with its steps, all waiting. Throws `invalid_field` for unknown steps and params, and `conflict` for a name of the caller's that stands for a run with other params. */
export async function createRun(context: Context, who: Principal, asked: NewRun): Promise<string> {
  const { db, clock, ids, record } = context.deps
  // a proof runs what the run that it proves ran, and takes nothing from the cache
  const isProof = typeof asked.options.reproduces === 'string'
  const version = isProof ? asked.version : await currentVersion(context.deps, who, asked.version)
  const { spec } = version
  const given = await ofItsPartition(context, asked, spec.project)
  const { params, options, partition } = await settleRun(context, spec, given)
  const id = given.once === undefined ? (given.id ?? ids('pr')) : runNamed(spec.project, given.once)
  const proof = options.reproduces === null ? null : openProof(options.reproduces, options.tolerance)
  // what runs by itself, a schedule or a retraining, asks for no more than its author may
  const role = who.id === SYSTEM.id ? version.role : who.role
  const priority = priorityOf(options.priority, spec.priority, role)
  const repeated = options.reproduces ?? options.retries ?? null
  await db.tx(async (t) => {
    await holdPools(t, spec.steps)
    const before = repeated === null ? undefined : await readRun(t, repeated)
    const made = await t.run(
      `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, message, trigger_kind, params, options,
         environment, sources, created_at, created_by, role, reproduction, source_id, priority, merge_commit, merged_at, partition_key,
         backfill_id, cause)
       VALUES (?, ?, ?, 'waiting', 'run', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      [
        id,
        spec.project,
        version.id,
        given.trigger,
        JSON.stringify(params),
        JSON.stringify(options),
        before?.environment ?? null,
        // what is repeated has the data that it had, whatever its sources hold by now
        before?.sources == null ? null : JSON.stringify(before.sources),
        clock(),
        who.name,
        role,
        proof === null ? null : JSON.stringify(proof),
        before === undefined ? version.source_id : before.source_id,
        priority,
        ...originOf(given, partition),
      ],
    )
    if (made === 0) return refuseOtherParams(t, id, given, { params, options })
    if (partition !== undefined && !isProof) await notePartition(t, spec.project, partition, id)
    await writeSteps(t, id, spec, options)
    const detail = { made: 'run', version: version.id, trigger: given.trigger }
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
  })
  faultPoint('pipelines.run_made')
  return id
}

async function refuseOtherParams(
  reader: Reader,
  id: string,
  { once, version }: NewRun,
  asked: Pick<RunRow, 'params' | 'options'>,
): Promise<void> {
  const there = once === undefined ? undefined : await readRun(reader, id)
  if (there !== undefined) refuseOther(there, { version_id: version.id, ...asked })
}

/** All wait, where and in the pool that the run and the project file say. */
async function writeSteps(t: Tx, id: string, { project, steps }: PipelineSpec, options: RunOptions): Promise<void> {
  for (const [position, step] of steps.entries()) {
    await t.run(
      `INSERT INTO pipeline_steps (run_id, name, project, position, state, reason, changes, outputs, metrics, pool, driver)
       VALUES (?, ?, ?, ?, 'waiting', '', '[]', '{}', '{}', ?, ?)`,
      [id, step.name, project, position, step.pool ?? null, elsewhere(placed(options, step)) ?? 'local'],
    )
  }
}

/** A run that its caller names again is of the partition that it was of then, also where a newer one has ended since. */
async function ofItsPartition({ deps: { db } }: Context, asked: NewRun, project: string): Promise<NewRun> {
  if (asked.once === undefined || asked.options.partition !== undefined) return asked
  const key = (await readRun(db, runNamed(project, asked.once)))?.partition_key ?? undefined
  return key === undefined ? asked : { ...asked, options: { ...asked.options, partition: key } }
}

/** What it was started for: the columns of its merge, partition, backfill and cause. */
function originOf({ merge, backfill, cause }: NewRun, partition: Partition | undefined): (string | number | null)[] {
  return [merge?.commit ?? null, merge?.mergedAt ?? null, partition?.key ?? null, backfill ?? null, cause ?? null]
}

/** Throws `not_found`, also for a run of a project that the caller does not see. */
export async function requireRun(context: Context, who: Principal, id: string): Promise<RunTree> {
  const tree = await readState(context.deps.db, id)
  if (tree === undefined || (who.project !== null && who.project !== tree.run.project)) {
    throw problem('not_found', { what: 'pipeline run', id })
  }
  return tree
}

/** Asks a run to end. Nothing happens to one that has ended. */
export async function cancelRun(context: Context, who: Principal, id: string): Promise<void> {
  const { db, record } = context.deps
  await db.tx(async (t) => {
    const changed = await t.run(
      `UPDATE pipeline_runs SET desired_state = 'cancel'
       WHERE id = ? AND desired_state = 'run' AND state IN ('waiting', 'preparing', 'running')`,
      [id],
    )
    if (changed === 0) return
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail: { cancelled: true } })
  })
}

/**
 * A new run of the same version, params and options; what succeeded in one that did not is taken over with its environment, and the rest goes
 * on from its checkpoints unless it is to begin `fromStart`. Throws `conflict` while the old one goes on. With an `id` that has been given
 * before it is the run of that time.
 */
export async function retryRun(
  context: Context,
  who: Principal,
  { run, steps }: Pick<RunTree, 'run' | 'steps'>,
  { id, fromStart = false, ...of }: Retried = {},
): Promise<string> {
  refuseOpen(run, 'repeated')
  await refuseUnreadable(context, run)
  const version = await requireVersion(context.deps.db, run.version_id)
  const { force, from, register, deploy, strict = false, set = {}, on, priority, partition } = run.options
  const isKept = priority !== undefined && (priority <= 0 || mayRaise(who.role))
  const retries = run.state !== 'succeeded' && (await hasResults(context, { run, steps })) ? run.id : null
  const resumes = run.state === 'succeeded' || fromStart ? null : run.id
  const asked = {
    ...(on !== undefined && { on }),
    ...(isKept && { priority }),
    ...(partition !== undefined && { partition }),
  }
  // what did not succeed takes no more from the cache than it was to take
  const options = { force, from, register, deploy, strict, retries, resumes, set, ...asked }
  const made = { version, params: run.params, options, trigger: 'manual', ...of } as const
  return createRun(context, who, { ...made, ...(id !== undefined && { id }) })
}

/** How a run is repeated. */
export interface Retried extends Partial<Pick<NewRun, 'id' | 'backfill' | 'trigger'>> {
  /** Steps do not go on from their checkpoints. */
  readonly fromStart?: boolean
}

/** True where a step or an item of one succeeded. */
async function hasResults({ deps }: Context, { run, steps }: Pick<RunTree, 'run' | 'steps'>): Promise<boolean> {
  if (steps.some(isDone)) return true
  const item = await deps.db.get(
    "SELECT name FROM pipeline_steps WHERE run_id = ? AND state IN ('succeeded', 'cached') LIMIT 1",
    [run.id],
  )
  return item !== undefined
}

/** How a proof is made; `id` as of a new run. */
export interface ProofOptions extends Pick<NewRun, 'id' | 'cause'> {
  readonly tolerance: number
  readonly dry_run: boolean
  readonly priority?: number
}

/** Starts a proof, or only checks that one could be made. */
export async function reproduceRun(
  context: Context,
  who: Principal,
  tree: RunTree,
  options: ProofOptions,
): Promise<{ id: string | null; proof: Proof }> {
  const { run } = tree
  refuseOpen(run, 'proved')
  if (run.state !== 'succeeded') {
    throw problem('conflict', {
      detail: `run ${run.id} ended as ${run.outcome ?? run.state}; only a run whose steps succeeded can be proved`,
    })
  }
  await refuseUnreadable(context, run)
  const open = openProof(run.id, options.tolerance)
  const missing = await findMissing(context, run)
  if (missing.length > 0) {
    const detail = `it cannot be run again: ${missing.join('; ')}`
    return { id: null, proof: { ...open, grade: 'D', detail, missing } }
  }
  if (options.dry_run) return { id: null, proof: { ...open, detail: 'everything that a re-run needs is there' } }
  const version = await requireVersion(context.deps.db, run.version_id)
  const id = await createRun(context, who, {
    version,
    params: run.params,
    options: {
      reproduces: run.id,
      tolerance: options.tolerance,
      register: false,
      set: run.options.set ?? {},
      ...(run.options.partition !== undefined && { partition: run.options.partition }),
      ...(options.priority !== undefined && { priority: options.priority }),
    },
    trigger: 'reproduce',
    ...(options.id !== undefined && { id: options.id }),
    ...(options.cause !== undefined && { cause: options.cause }),
  })
  return { id, proof: open }
}

/** The newest run of each project, found by one look into the index a project, however many runs there are. */
const NEWEST = `WITH RECURSIVE projects (project) AS (
    SELECT MIN(project) FROM pipeline_runs
    UNION ALL
    SELECT (SELECT MIN(r.project) FROM pipeline_runs r WHERE r.project > p.project) FROM projects p WHERE p.project IS NOT NULL
  ), newest (id) AS (
    SELECT (SELECT r.id FROM pipeline_runs r WHERE r.project = p.project ORDER BY r.created_at DESC, r.id DESC LIMIT 1)
      FROM projects p WHERE p.project IS NOT NULL
  )`

/** Runs, newest first, before a position of `created_at` and id, with the states of their steps. */
export async function listRuns(
  reader: Reader,
  query: {
    readonly project: string | undefined
    readonly state: string | undefined
    /** Only the newest run of each project. */
    readonly newest?: boolean
    readonly before: [number, string] | undefined
    readonly limit: number
  },
): Promise<{ run: RunRow; steps: { name: string; state: string }[] }[]> {
  const [at, id] = query.before ?? [Number.MAX_SAFE_INTEGER, '']
  const filters = [
    ...(query.project === undefined ? [] : [{ sql: 'AND project = ?', value: query.project }]),
    ...(query.state === undefined ? [] : [{ sql: 'AND state = ?', value: query.state }]),
  ]
  const rows = await reader.all(
    `${query.newest === true ? NEWEST : ''} SELECT * FROM pipeline_runs WHERE ${query.newest === true ? 'id IN (SELECT id FROM newest) AND' : ''} (created_at < ? OR (created_at = ? AND id < ?))
     ${filters.map(({ sql }) => sql).join(' ')} ORDER BY created_at DESC, id DESC LIMIT ?`,
    [at, at, id, ...filters.map(({ value }) => value), query.limit],
  )
  if (rows.length === 0) return []
  const ids = inList(rows.map((row) => row['id'] ?? null))
  const steps = await fetchAll<{ run_id: string; name: string; state: string }>(
    reader,
    sql`SELECT run_id, name, state FROM pipeline_steps WHERE run_id IN ${ids} AND item_of IS NULL ORDER BY position`,
  )
  const byRun = Map.groupBy(steps, (step) => step.run_id)
  return rows.map((row) => ({ run: parseRun(row), steps: byRun.get(String(row['id'])) ?? [] }))
}

async function refuseUnreadable(context: Context, run: RunRow): Promise<void> {
  const detail = await whyUnreadable(context, run.version_id)
  if (detail !== undefined) throw problem('conflict', { detail })
}

function refuseOpen(run: RunRow, what: string): void {
  if (FINAL_RUNS.includes(run.state)) return
  throw problem('conflict', { detail: `run ${run.id} has not ended; it can be ${what} when it has` })
}
