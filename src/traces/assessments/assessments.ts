/** Assessments of traces: feedback, expectations and issues; made, changed, overridden, removed. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, SqlValue, Tx } from '../../store/db.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { hexId } from '../../tracking/context/ids.ts'
import { insertRows } from '../../store/sql/sql.ts'
import { invalid, missing } from '../../mlflow/wire.ts'
import { numberOf, snakeName } from './wire.ts'
import type { AssessmentKind, AssessmentRow, GivenAssessment } from './wire.ts'
import { requireTrace } from '../context/rows.ts'

const COLUMNS = [
  'assessment_id',
  'trace_id',
  'position',
  'kind',
  'name',
  'source_type',
  'source_id',
  'span_id',
  'value',
  'number',
  'error',
  'rationale',
  'metadata',
  'overrides',
  'valid',
  'created_ms',
  'updated_ms',
] as const satisfies readonly (keyof AssessmentRow)[]

/** Assessments of one trace at most. */
const MOST = 10_000

/** Makes an assessment; the one that it overrides no longer counts. */
export function createAssessment(
  room: Tracking,
  who: Principal,
  traceId: string,
  given: GivenAssessment,
): Promise<AssessmentRow> {
  return room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    if (given.overrides !== undefined) {
      const over = await requireRow(t, traceId, given.overrides)
      await t.run('UPDATE trace_assessments SET valid = 0 WHERE assessment_id = ?', [over.assessment_id])
    }
    const [row] = await insertAssessments(t, room, traceId, [given])
    return row as AssessmentRow
  })
}

/** Writes assessments behind those that the trace has, in the caller's transaction. One whose id exists is written anew. */
export async function insertAssessments(
  t: Tx,
  room: Tracking,
  traceId: string,
  given: readonly GivenAssessment[],
): Promise<AssessmentRow[]> {
  if (given.length === 0) return []
  const found = await t.get<{ last: number | null }>(
    'SELECT MAX(position) AS last FROM trace_assessments WHERE trace_id = ?',
    [traceId],
  )
  const next = (found?.last ?? 0) + 1
  if (next + given.length > MOST) throw invalid(`A trace can have at most ${MOST} assessments.`)
  const rows = given.map((one, index) => newRow(room, traceId, next + index, one))
  const byId = new Map(rows.map((row) => [row.assessment_id, COLUMNS.map((column) => row[column])]))
  const update = COLUMNS.slice(3)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')
  const written = await insertRows(
    t,
    `INSERT INTO trace_assessments (${COLUMNS.join(', ')})`,
    [...byId.values()],
    `ON CONFLICT (assessment_id) DO UPDATE SET ${update} WHERE trace_assessments.trace_id = excluded.trace_id`,
  )
  if (written < byId.size) throw invalid('An assessment of another trace has one of the given ids.')
  return rows
}

/** One assessment of a trace. RESOURCE_DOES_NOT_EXIST. */
export async function getAssessment(
  room: Tracking,
  who: Principal,
  traceId: string,
  id: string,
): Promise<AssessmentRow> {
  await requireTrace(room.db, who, traceId)
  return requireRow(room.db, traceId, id)
}

/** What may be changed; metadata is added to what is there, source and span stay. */
const CHANGEABLE = ['assessment_name', 'feedback', 'expectation', 'rationale', 'metadata', 'valid'] as const

/** A change: the new words and the names of those that count. */
export interface AssessmentChange {
  readonly given: GivenAssessment
  /** Names in snake_case or camelCase. */
  readonly mask: readonly string[]
}

/** Changes what the mask names. INVALID_PARAMETER_VALUE where an expectation would become feedback or the other way. */
export async function updateAssessment(
  room: Tracking,
  who: Principal,
  { traceId, id }: { readonly traceId: string; readonly id: string },
  change: AssessmentChange,
): Promise<AssessmentRow> {
  const names = new Set(change.mask.map((path) => snakeName(path).split('.')[0] ?? ''))
  const unknown = [...names].find((name) => !CHANGEABLE.some((one) => one === name))
  if (unknown !== undefined) {
    throw invalid(`Invalid value '${unknown}' for parameter 'update_mask': expected names of ${CHANGEABLE.join(', ')}.`)
  }
  return room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    const row = changed(await requireRow(t, traceId, id), change.given, names)
    const next = { ...row, updated_ms: room.clock() }
    const columns = ['name', 'value', 'number', 'error', 'rationale', 'metadata', 'valid', 'updated_ms'] as const
    const sets = columns.map((column) => `${column} = ?`).join(', ')
    await t.run(`UPDATE trace_assessments SET ${sets} WHERE assessment_id = ?`, [
      ...columns.map((column): SqlValue => next[column]),
      id,
    ])
    return next
  })
}

/** Removes an assessment; the one that it overrode counts again. Nothing happens when there is none. */
export async function deleteAssessment(room: Tracking, who: Principal, traceId: string, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    const row = await findRow(t, traceId, id)
    if (row === undefined) return
    await t.run('DELETE FROM trace_assessments WHERE assessment_id = ?', [id])
    if (row.overrides !== null) {
      await t.run('UPDATE trace_assessments SET valid = 1 WHERE trace_id = ? AND assessment_id = ?', [
        traceId,
        row.overrides,
      ])
    }
    const detail = { trace: traceId, deleted: row.kind, name: row.name }
    await room.record(t, who, { verb: 'write', resource: 'runs', id, detail })
  })
}

// oxlint-disable-next-line max-params -- a private helper
function newRow(room: Tracking, trace_id: string, position: number, given: GivenAssessment): AssessmentRow {
  if (given.kind === undefined) {
    throw invalid('Exactly one of `expectation`, `feedback`, or `issue` should be specified.')
  }
  const created = given.created_ms ?? room.clock()
  return {
    assessment_id: given.assessment_id ?? `a-${hexId(room)}`,
    trace_id,
    position,
    kind: given.kind,
    name: given.name ?? given.kind,
    source_type: given.source_type,
    source_id: given.source_id,
    span_id: given.span_id ?? null,
    ...valueColumns(given.kind, given),
    rationale: given.rationale ?? null,
    metadata: given.metadata === undefined ? null : JSON.stringify(given.metadata),
    overrides: given.overrides ?? null,
    valid: given.valid === false ? 0 : 1,
    created_ms: created,
    updated_ms: created,
  }
}

function valueColumns(kind: AssessmentKind, given: GivenAssessment): Pick<AssessmentRow, 'value' | 'number' | 'error'> {
  if (kind === 'expectation' && given.value === null) throw invalid('The `value` field must be specified.')
  return {
    value: cleanJson(given.value ?? null),
    number: numberOf(given.value),
    error: given.error === undefined ? null : cleanJson(given.error),
  }
}

/** PostgreSQL cannot read the character 0 out of JSON. */
function cleanJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('\\u0000', '\\ufffd')
}

function changed(row: AssessmentRow, given: GivenAssessment, names: ReadonlySet<string>): AssessmentRow {
  for (const kind of ['feedback', 'expectation'] as const) {
    if (names.has(kind) && row.kind !== kind) {
      const article = row.kind === 'feedback' ? 'a Feedback' : 'an Expectation'
      throw invalid(`Cannot update ${kind} value on ${article} assessment.`)
    }
  }
  const metadata = { ...(JSON.parse(row.metadata ?? '{}') as object), ...given.metadata }
  return {
    ...row,
    ...(names.has('assessment_name') && given.name !== undefined && { name: given.name }),
    ...(names.has(row.kind) && valueColumns(row.kind, given)),
    ...(names.has('rationale') && { rationale: given.rationale ?? null }),
    ...(names.has('metadata') && { metadata: JSON.stringify(metadata) }),
    ...(names.has('valid') && given.valid !== undefined && { valid: given.valid ? 1 : 0 }),
  }
}

function findRow(reader: Reader, traceId: string, id: string): Promise<AssessmentRow | undefined> {
  return reader.get<AssessmentRow>('SELECT * FROM trace_assessments WHERE trace_id = ? AND assessment_id = ?', [
    traceId,
    id,
  ])
}

async function requireRow(reader: Reader, traceId: string, id: string): Promise<AssessmentRow> {
  const row = await findRow(reader, traceId, id)
  if (row === undefined) {
    throw missing(`Assessment with ID '${id}' not found for trace '${traceId}'`, 'assessment', id)
  }
  return row
}
