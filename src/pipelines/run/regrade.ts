/** Proofs that earlier rules graded too well are graded anew: where the outputs are gone, nothing is proved any more. */
import type { Context } from '../context/context.ts'
import { parseRun, readState, type RunRow } from '../context/rows.ts'
import { RULES, type Proof } from '../proof/grade.ts'
import { gradeRun } from './reproduce.ts'

/** Grades that other rules may have given wrongly. The same bytes are the same by all rules, and so is what diverged. */
const DOUBTED: readonly (string | null)[] = ['B']

/**
 * Grades every ended proof of older rules anew, and tells the grade of the newest of each run. Safe to repeat. One that cannot be graded,
 * as where its project file cannot be read, is told as a fault and holds up no other.
 */
export async function regradeProofs(context: Context, signal: AbortSignal): Promise<void> {
  const { db, onError } = context.deps
  const rows = await db.all(
    `SELECT * FROM pipeline_runs WHERE reproduction IS NOT NULL AND state IN ('succeeded', 'failed') ORDER BY created_at, id`,
  )
  const proofs = rows.map(parseRun)
  for (const run of proofs) {
    if (signal.aborted) return
    const before = run.reproduction as Proof | null
    if (before === null || (before.rules ?? 1) >= RULES || !DOUBTED.includes(before.grade)) continue
    const newest = proofs.findLast((one) => (one.reproduction as Proof | null)?.of_run === before.of_run)
    try {
      await redo(context, run, { before, isNewest: newest?.id === run.id })
    } catch (error) {
      onError(error)
    }
  }
}

async function redo(
  context: Context,
  run: RunRow,
  { before, isNewest }: { before: Proof; isNewest: boolean },
): Promise<void> {
  const after = await regrade(context, run.id, before)
  if (after === undefined) return
  await keep(context, run, after)
  if (isNewest && after.grade !== before.grade) await context.deps.proved?.(before.of_run, after.grade ?? 'D')
  context.tell(run.id)
}

/** The proof by the rules of now; undefined when the run is gone meanwhile. */
async function regrade(context: Context, id: string, before: Proof): Promise<Proof | undefined> {
  const tree = await readState(context.deps.db, id)
  if (tree === undefined) return undefined
  const after = await gradeRun(context, tree)
  const gone = after.steps.filter((step) => step.outputs === 'missing').map(({ step }) => step)
  const note = `graded anew by rules ${RULES}; it was ${before.grade} by rules ${before.rules ?? 1}`
  if (gone.length > 0) {
    const detail = `its outputs are gone (step "${gone[0]}"), so nothing is proved any more; ${note}`
    return { ...after, grade: 'D', detail, missing: gone, regraded_from: 'B' }
  }
  const detail = after.grade === before.grade ? after.detail : `${after.detail}; ${note}`
  return { ...after, detail, ...(after.grade !== before.grade && { regraded_from: 'B' as const }) }
}

async function keep({ deps }: Context, run: RunRow, proof: Proof): Promise<void> {
  const outcome = proof.grade === 'A' || proof.grade === 'B' ? 'succeeded' : 'failed'
  await deps.db.tx((t) =>
    t.run('UPDATE pipeline_runs SET outcome = ?, message = ?, reproduction = ? WHERE id = ?', [
      outcome,
      proof.detail,
      JSON.stringify(proof),
      run.id,
    ]),
  )
}
