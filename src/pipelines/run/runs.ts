/** Runs as people ask for them: started, cancelled, repeated, proved, listed. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Trigger } from '../../contract/pipelines.ts'
import type { Reader } from '../../store/db.ts'
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
import { findMissing, openProof } from './reproduce.ts'
import type { KeptMerge } from '../context/merges.ts'
import { pinAliases } from '../spec/pin.ts'
import { checkParams } from '../spec/params.ts'
import { currentVersion, requireVersion, type VersionRow } from '../spec/versions.ts'

/** What a new run is. */
export interface NewRun {
  readonly version: VersionRow
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly options: Partial<RunOptions>
  readonly trigger: Trigger
  readonly merge?: KeptMerge | undefined
  /** Given by a caller that must not start the same run twice; default a new one. */
  readonly id?: string
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

/** Writes a run with its steps, all waiting. Throws `invalid_field` for unknown steps and params. */
export async function createRun(context: Context, who: Principal, given: NewRun): Promise<string> {
  const { db, clock, ids, record } = context.deps
  // a proof runs what the run that it proves ran, and takes nothing from the cache
  const isProof = typeof given.options.reproduces === 'string'
  const version = isProof ? given.version : await currentVersion(context.deps, who, given.version)
  const { spec } = version
  const checked = checkParams(spec, given.params)
  const { aliasVersion } = context.deps
  const params = aliasVersion === undefined ? checked : await pinAliases(spec, checked, aliasVersion)
  const options = { ...NO_OPTIONS, ...given.options }
  if (options.from !== null && !spec.steps.some((step) => step.name === options.from)) {
    const expected = `one of the steps ${spec.steps.map((step) => step.name).join(', ')}`
    throw problem('invalid_field', { field: 'from', value: options.from, expected })
  }
  const id = given.id ?? ids('pr')
  const proof = options.reproduces === null ? null : openProof(options.reproduces, options.tolerance)
  const repeated = options.reproduces ?? options.retries ?? null
  await db.tx(async (t) => {
    const before = repeated === null ? undefined : await readRun(t, repeated)
    const made = await t.run(
      `INSERT INTO pipeline_runs (id, project, version_id, state, desired_state, message, trigger_kind, params, options,
         environment, created_at, created_by, role, reproduction, source_id, merge_commit, merged_at)
       VALUES (?, ?, ?, 'waiting', 'run', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      [
        id,
        spec.project,
        version.id,
        given.trigger,
        JSON.stringify(params),
        JSON.stringify(options),
        before?.environment ?? null,
        clock(),
        who.name,
        // what runs by itself, a schedule or a retraining, asks for no more than its author may
        who.id === SYSTEM.id ? version.role : who.role,
        proof === null ? null : JSON.stringify(proof),
        before === undefined ? version.source_id : before.source_id,
        given.merge?.commit ?? null,
        given.merge?.mergedAt ?? null,
      ],
    )
    if (made === 0) return
    for (const [position, step] of spec.steps.entries()) {
      await t.run(
        `INSERT INTO pipeline_steps (run_id, name, project, position, state, reason, changes, outputs, metrics)
         VALUES (?, ?, ?, ?, 'waiting', '', '[]', '{}', '{}')`,
        [id, step.name, spec.project, position],
      )
    }
    const detail = { made: 'run', version: version.id, trigger: given.trigger }
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
  })
  faultPoint('pipelines.run_made')
  return id
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
 * A new run of the same version, params and options; what succeeded in one that did not is taken over with its environment. Throws
 * `conflict` while the old one goes on.
 */
export async function retryRun(context: Context, who: Principal, { run, steps }: RunTree): Promise<string> {
  refuseOpen(run, 'repeated')
  await refuseUnreadable(context, run)
  const version = await requireVersion(context.deps.db, run.version_id)
  const { register, deploy, strict = false } = run.options
  const retries = run.state !== 'succeeded' && steps.some(isDone) ? run.id : null
  const options = { register, deploy, strict, retries }
  return createRun(context, who, { version, params: run.params, options, trigger: 'manual' })
}

/** Starts a proof, or only checks that one could be made. */
export async function reproduceRun(
  context: Context,
  who: Principal,
  tree: RunTree,
  options: { readonly tolerance: number; readonly dry_run: boolean },
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
    options: { reproduces: run.id, tolerance: options.tolerance, register: false },
    trigger: 'reproduce',
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
    sql`SELECT run_id, name, state FROM pipeline_steps WHERE run_id IN ${ids} ORDER BY position`,
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
