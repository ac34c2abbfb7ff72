/** Proofs that earlier rules graded too well are graded anew: where the outputs are gone, nothing is proved any more. */
import { NumberTooLarge, parseNumerals } from '../../contract/values/numerals.ts'
import type { Context } from '../context/context.ts'
import { readState } from '../context/rows.ts'
import { RULES, type Proof } from '../proof/grade.ts'
import { gradeRun, openProof } from './reproduce.ts'

/** Grades that other rules may have given wrongly. The same bytes are the same by all rules, and so is what diverged. */
const DOUBTED: readonly (string | null)[] = ['B']

/** A proof as it is stored; where it cannot be read, why. */
interface Stored {
  readonly id: string
  readonly ofRun: string | null
  readonly proof: Proof | null
  readonly unreadable: string | null
}

/**
 * Grades every ended proof of older rules anew, and tells the grade of the newest of each run. Safe to repeat. Each by itself: one that
 * cannot be graded, as where its project file is gone, keeps its grade and says so in `not_regraded`; one that cannot be read proves
 * nothing any more.
 */
export async function regradeProofs(context: Context, signal: AbortSignal): Promise<void> {
  const { db, onError } = context.deps
  const rows = await db.all<Row>(
    `SELECT id, options, reproduction FROM pipeline_runs WHERE reproduction IS NOT NULL AND state IN ('succeeded', 'failed')
     ORDER BY created_at, id`,
  )
  const proofs = rows.map(readStored)
  for (const one of proofs) {
    if (signal.aborted) return
    if (!isDoubted(one)) continue
    if (one.proof === null) onError(new Error(`the proof of run ${one.id} cannot be read: ${one.unreadable}`))
    const newest = proofs.findLast(({ ofRun }) => ofRun === one.ofRun)
    try {
      await redo(context, one, newest?.id === one.id)
    } catch (error) {
      onError(error)
      await keepUngraded(context, one, error)
    }
  }
}

interface Row {
  readonly [column: string]: unknown
  readonly id: string
  readonly options: string
  readonly reproduction: string
}

function readStored({ id, options, reproduction }: Row): Stored {
  try {
    const proof = objectOf(reproduction) as unknown as Proof
    if (typeof proof.of_run !== 'string' || !Array.isArray(proof.steps))
      throw new SyntaxError('it names no run or no steps')
    return { id, ofRun: proof.of_run, proof, unreadable: null }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return { id, ofRun: provedRun(options), proof: null, unreadable: error.message || 'a number in it is too large' }
  }
}

/** The run that a re-run was started for; null where that cannot be read either. */
function provedRun(options: string): string | null {
  try {
    const { reproduces } = objectOf(options)
    return typeof reproduces === 'string' ? reproduces : null
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return null
  }
}

const isUnreadable = (error: unknown): error is Error => error instanceof SyntaxError || error instanceof NumberTooLarge

/** Throws SyntaxError for all but an object, NumberTooLarge for a number that no float holds. */
function objectOf(text: string): Record<string, unknown> {
  const value: unknown = parseNumerals(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('it is not an object')
  return value as Record<string, unknown>
}

function isDoubted({ proof }: Stored): boolean {
  return proof === null || ((proof.rules ?? 1) < RULES && DOUBTED.includes(proof.grade))
}

async function redo(context: Context, stored: Stored, isNewest: boolean): Promise<void> {
  const { id, ofRun, proof: before } = stored
  const after = before === null ? unread(stored) : await regrade(context, id, before)
  if (after === undefined) return
  // before it is kept: what is kept is not graded again, so that a grade which could not be told would never be
  if (isNewest && ofRun !== null && after.grade !== before?.grade)
    await context.deps.proved?.(ofRun, after.grade ?? 'D')
  await keep(context, id, after)
  context.tell(id)
}

/** What a proof that cannot be read is worth. */
function unread({ ofRun, unreadable }: Stored): Proof {
  const what = `its proof cannot be read (${unreadable})`
  return { ...openProof(ofRun ?? '', 0), grade: 'D', detail: `${what}, so nothing is proved`, missing: [what] }
}

/** Says on the proof itself why it still has its old grade; where even that cannot be kept, the fault is told alone. */
async function keepUngraded(context: Context, { id, proof }: Stored, fault: unknown): Promise<void> {
  if (proof === null) return
  const why = fault instanceof Error ? fault.message : String(fault)
  const reproduction = JSON.stringify({ ...proof, not_regraded: why })
  try {
    await context.deps.db.tx((t) => t.run('UPDATE pipeline_runs SET reproduction = ? WHERE id = ?', [reproduction, id]))
    context.tell(id)
  } catch (error) {
    context.deps.onError(error)
  }
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

async function keep({ deps }: Context, id: string, proof: Proof): Promise<void> {
  const outcome = proof.grade === 'A' || proof.grade === 'B' ? 'succeeded' : 'failed'
  await deps.db.tx(async (t) => {
    await t.run('UPDATE pipeline_runs SET outcome = ?, message = ?, reproduction = ? WHERE id = ?', [
      outcome,
      proof.detail,
      JSON.stringify(proof),
      id,
    ])
    await deps.attest?.(t, id, proof)
  })
}
