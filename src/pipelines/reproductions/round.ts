/** A round of reproductions: each model that an alias names is made again, one after the other, behind all other runs. */
import { SYSTEM } from '../../auth/tokens.ts'
import { Problem } from '../../contract/errors.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Handler, JobContext } from '../../jobs/worker.ts'
import type { AliasedVersion } from '../../registry/aliases/aliased.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import { FINAL_RUNS, readRun, type RunRow } from '../context/rows.ts'
import { reproduceRun, requireRun } from '../run/runs.ts'
import { rotOf } from './reproducible.ts'
import { addEntries, forgetRounds, hasBegun, nextEntry, setEntry, type EntryRow } from './rows.ts'

/** Between looks at a proof that goes on, ms. */
const LOOK_MS = 2000
/** Below 0 a run stands behind all others, however long it has waited. */
const BEHIND = -10
/** Largest relative difference at which two metrics count as equal, as when somebody asks for a proof. */
const TOLERANCE = 1e-9
/** How long rounds are kept, ms. */
const KEPT_MS = 400 * DAY_MS
/** Models that are read at once. */
const PAGE = 200

export interface RoundDeps {
  readonly context: Context
  /** Has a run looked at now. */
  readonly wake: (run: string) => void
}

/**
 * Does one due time of the schedule. It looks until the last proof has ended, so that the schedule's rule for overlaps sees it. Where it is
 * killed, whoever takes the job goes on with the same model: the id of a proof comes from the job's.
 */
export function reproductionRound(deps: RoundDeps): Handler {
  const { db, clock } = deps.context.deps
  return async (job, held) => {
    const { alias } = job.payload as { alias: string }
    if (!(await hasBegun(db, job.id))) await begin(deps, held, { round: job.id, alias })
    for (let entry = await nextEntry(db, job.id); entry !== undefined; entry = await nextEntry(db, job.id)) {
      const goesOn = entry.state === 'waiting' ? await start(deps, held, entry) : await end(deps, held, entry)
      if (goesOn || held.signal.aborted) return held.again(clock() + LOOK_MS)
    }
  }
}

/** Which models the round is about is settled when it begins. */
async function begin(
  { context: { deps } }: RoundDeps,
  held: JobContext,
  { round, alias }: { readonly round: string; readonly alias: string },
): Promise<void> {
  const found: AliasedVersion[] = []
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: AliasedVersion[] = (await deps.aliasedVersions?.(SYSTEM, { alias, after, limit: PAGE })) ?? []
    found.push(...page)
    after = page.length < PAGE ? undefined : page.at(-1)?.model
  }
  const now = deps.clock()
  const entries = found.map(({ model, version, run, grade }) => ({ model, version, of_run: run, grade_before: grade }))
  await held.tx(async (t) => {
    await forgetRounds(t, now - KEPT_MS)
    await addEntries(t, { round, now }, entries)
  })
}

/** Starts the proof of a model, or says why there is none. True where one goes on. */
async function start({ context, wake }: RoundDeps, held: JobContext, entry: EntryRow): Promise<boolean> {
  const run = `pr_${entry.round}_${entry.position}`
  const why = await whyNot(context, entry, run)
  if (why !== undefined) {
    await skip(context, held, entry, why)
    return false
  }
  faultPoint('pipelines.reproduction_started')
  await held.tx((t) => setEntry(t, entry, { state: 'running', detail: '', run_id: run, grade: null, ended_at: null }))
  wake(run)
  return true
}

/**
 * Makes the run of the proof, once; why it could not be made otherwise. A fault is told and is of this model alone: a store that is away
 * while one is looked at ends no round.
 */
async function whyNot(context: Context, entry: EntryRow, id: string): Promise<string | undefined> {
  const { db, onError } = context.deps
  try {
    return (await readRun(db, id)) === undefined ? await make(context, entry, id) : undefined
  } catch (error) {
    if ((await readRun(db, id)) !== undefined) return undefined
    if (error instanceof Problem && error.status < 500) return error.message
    onError(error)
    return `a fault kept it from being made again: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function make(
  context: Context,
  { of_run: of, model, version }: EntryRow,
  id: string,
): Promise<string | undefined> {
  const rot = await rotOf(context, SYSTEM, of)
  // a file that was edited may not have mattered: the proof will tell
  const fatal = rot.filter(({ kind }) => kind === 'lineage' || kind === 'output')
  if (of === null || fatal.length > 0) return fatal.map(({ what }) => what).join('; ')
  const tree = await requireRun(context, SYSTEM, of)
  const cause = `the schedule of reproductions proves ${model} version ${version}`
  const options = { tolerance: TOLERANCE, dry_run: false, id, priority: BEHIND, cause }
  const { id: made, proof } = await reproduceRun(context, SYSTEM, tree, options)
  return made === null ? proof.detail : undefined
}

async function skip({ deps }: Context, held: JobContext, entry: EntryRow, why: string): Promise<void> {
  const { model, version, run_id } = entry
  await held.tx(async (t) => {
    await setEntry(t, entry, { state: 'skipped', detail: why, run_id, grade: null, ended_at: deps.clock() })
    const detail = { reproduction: 'skipped', why }
    await deps.record(t, SYSTEM, { verb: 'write', resource: 'pipelines', id: `${model}@${version}`, detail })
  })
}

/** Takes the grade of a proof that has ended. True while it goes on. */
async function end({ context }: RoundDeps, held: JobContext, entry: EntryRow): Promise<boolean> {
  const run = entry.run_id === null ? undefined : await readRun(context.deps.db, entry.run_id)
  if (run !== undefined && !FINAL_RUNS.includes(run.state)) return true
  const grade = run === undefined ? null : gradeOf(run)
  if (run === undefined || grade === null) {
    const why = run === undefined ? 'its proof was removed before it had ended' : `its proof ended as ${run.state}`
    await skip(context, held, entry, why)
    return false
  }
  const { message, id } = run
  const ended_at = context.deps.clock()
  await held.tx((t) => setEntry(t, entry, { state: 'graded', detail: message, run_id: id, grade, ended_at }))
  return false
}

function gradeOf({ reproduction }: RunRow): string | null {
  const grade = reproduction?.['grade']
  return typeof grade === 'string' ? grade : null
}
