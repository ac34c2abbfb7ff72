/** What an attempt is told of checkpoints: how to keep them, and which it may go on from. */
import type { Context } from '../context/context.ts'
import type { Reader } from '../../store/db.ts'
import { readRun, readStep, type AttemptRow, type RunTree } from '../context/rows.ts'
import type { Unit } from '../context/units.ts'
import type { AttemptSpec } from '../drivers/driver.ts'
import type { StepSpec } from '../spec/spec.ts'
import { Interruptions } from './between.ts'
import { checkpointsOf, dropRows, takeRows } from './rows.ts'
import type { StoredCheckpoint } from '../drivers/kept.ts'

/** Where a project says nothing. */
export const KEEP = 2
export const LARGEST = 10 * 1024 ** 3

const interruptions = new WeakMap<Context, Interruptions>()

export async function checkpointsFor(
  context: Context,
  tree: RunTree,
  step: StepSpec,
  [unit, attempt]: [Unit, AttemptRow],
): Promise<NonNullable<AttemptSpec['checkpoints']>> {
  const { keep = KEEP, largest = LARGEST, every_ms = null, between_ms } = step.checkpoints ?? {}
  const known = interruptions.get(context) ?? new Interruptions()
  interruptions.set(context, known)
  const { db, clock } = context.deps
  const between = between_ms ?? (await known.between(db, clock, tree.run.project, attempt.driver))
  const resume = await offered(context, tree, step, [unit, attempt])
  return { keep, largest_bytes: largest, every_ms, between_ms: between, resume }
}

/**
 * The last good ones of this run's step or item, else of the run that this one retries, the newest first: those that were made with the very
 * key that the step has now.
 */
async function offered(
  context: Context,
  { run }: RunTree,
  step: StepSpec,
  [unit, attempt]: [Unit, AttemptRow],
): Promise<StoredCheckpoint[]> {
  const { db } = context.deps
  const { cache_key: key } = unit.step
  const { resumes = null, reproduces } = run.options
  if (key === null || reproduces !== null || (attempt.number === 1 && resumes === null)) return []
  const last = unit.attempts.filter(({ id }) => id !== attempt.id).at(-1)
  const own = last?.failure?.class
  // an attempt that ended before it began may not have been told of any
  const isFirst = unit.attempts.every(({ id, begun_at }) => id === attempt.id || begun_at === null)
  const from = isFirst ? await lastOwner(db, resumes, attempt.step) : null
  if (from !== null && (await isSameCode(context, run, [from, step, attempt.step]))) {
    await db.tx((t) => takeRows(t, attempt, from, key))
  }
  if (step.checkpoints?.resume === false && own === 'user') {
    await db.tx((t) => dropRows(t, attempt))
    return []
  }
  return checkpointsOf(db, attempt, key)
}

/**
 * Of a run and those that it goes on from the newest in which the step, or item, began or has checkpoints: a retry that was cancelled
 * before has none of what it was to go on from. Null where there is none.
 */
async function lastOwner(reader: Reader, resumes: string | null, step: string): Promise<string | null> {
  for (let from = resumes, hops = 0; from !== null && hops < MOST_HOPS; hops++) {
    const found = await reader.get(
      `SELECT 1 AS found FROM pipeline_attempts WHERE run_id = ? AND step = ? AND begun_at IS NOT NULL
       UNION ALL SELECT 1 FROM pipeline_checkpoints WHERE run_id = ? AND step = ? LIMIT 1`,
      [from, step, from, step],
    )
    if (found !== undefined) return from
    from = (await readRun(reader, from))?.options.resumes ?? null
  }
  return null
}

/** Retries of retries that are followed. */
const MOST_HOPS = 100

/** Whether the retried run's step ran the same code in the same environment, which a key with `cache: always` does not say; and may be gone on from. */
async function isSameCode(
  { deps }: Context,
  run: RunTree['run'],
  [resumes, step, name]: [string, StepSpec, string],
): Promise<boolean> {
  const before = await deps.db.get<{ version_id: string; environment: string | null }>(
    'SELECT version_id, environment FROM pipeline_runs WHERE id = ? AND project = ?',
    [resumes, run.project],
  )
  if (before === undefined) return false
  if (step.checkpoints?.resume === false && (await readStep(deps.db, resumes, name))?.failure?.class === 'user')
    return false
  return step.cache !== 'always' || (before.version_id === run.version_id && before.environment === run.environment)
}
