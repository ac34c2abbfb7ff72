/**
 * Steps of the project file and items of steps alike. An item is a row of `pipeline_steps` of its own, named STEP[NUMBER], so that whatever
 * starts, ends, repeats and counts steps does the same with items: there is no second way for them.
 */
import type { Reader } from '../../store/db.ts'
import { parseAttempt, parseStep, STEP_COLUMNS, type AttemptRow, type RunTree, type StepRow } from './rows.ts'

/** What the name of an item ends with; names of steps have no brackets. */
const NUMBER = /\[(\d+)\]$/

/** The name of the row of an item. */
export function itemName(step: string, number: number): string {
  return `${step}[${number}]`
}

/** The step of the project file that a row belongs to. */
export function stepNamed(name: string): string {
  return name.replace(NUMBER, '')
}

/** A step or an item with what was tried of it, attempts by number. */
export interface Unit {
  readonly step: StepRow
  readonly attempts: readonly AttemptRow[]
}

/** Undefined where there is no such row. */
export async function readUnit(reader: Reader, runId: string, name: string): Promise<Unit | undefined> {
  const row = await reader.get<Record<string, unknown>>(
    `SELECT ${STEP_COLUMNS} FROM pipeline_steps WHERE run_id = ? AND name = ?`,
    [runId, name],
  )
  return row === undefined ? undefined : { step: parseStep(row), attempts: await readAttempts(reader, runId, name) }
}

/** As `readUnit`, of a row that is there because it has attempts. */
export async function requireUnit(reader: Reader, runId: string, name: string): Promise<Unit> {
  const unit = await readUnit(reader, runId, name)
  if (unit === undefined) throw new Error(`run ${runId} has no step "${name}"`)
  return unit
}

async function readAttempts(reader: Reader, runId: string, name: string): Promise<AttemptRow[]> {
  const rows = await reader.all<Record<string, unknown>>(
    'SELECT * FROM pipeline_attempts WHERE run_id = ? AND step = ? ORDER BY number',
    [runId, name],
  )
  return rows.map(parseAttempt)
}

/** The attempts of a row of the run. A tree has all of steps, and of items only what goes on, so theirs are read. */
export async function attemptsOf(reader: Reader, tree: RunTree, step: StepRow): Promise<readonly AttemptRow[]> {
  if (step.item_of === null) return tree.attempts.filter((attempt) => attempt.step === step.name)
  return step.started_at === null ? [] : readAttempts(reader, step.run_id, step.name)
}
