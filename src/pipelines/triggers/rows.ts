/** The rows of triggers, of what they have noticed, and of their calls. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { DeliveryOutcome, EventState } from '../../contract/pipelines/triggers.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { TriggerSpec } from '../spec/triggers/triggers.ts'

export interface TriggerRow {
  readonly project: string
  readonly name: string
  readonly spec: TriggerSpec
  readonly since: number
  readonly seen: string | null
  readonly changes: number
  readonly looked_at: number | null
  readonly due_at: number
  readonly trouble: string | null
  readonly trouble_since: number | null
  readonly secret: string | null
}

export interface EventRow {
  readonly id: string
  readonly project: string
  readonly name: string
  readonly cause: string
  readonly what: string
  readonly state: EventState
  readonly run_id: string | null
  readonly message: string
  readonly created_at: number
  readonly started_at: number | null
}

export interface DeliveryRow {
  readonly id: string
  readonly project: string
  readonly name: string
  readonly delivery: string
  readonly outcome: DeliveryOutcome
  readonly reason: string
  readonly created_at: number
}

/** What names a trigger. */
export type Named = Pick<TriggerRow, 'project' | 'name'>

type Stored = Omit<TriggerRow, 'spec'> & { readonly spec: string }

function parsed(row: Stored): TriggerRow {
  return { ...row, spec: parseNumerals(row.spec) as TriggerSpec }
}

/** All triggers, or with a project its own, by name. */
export async function readTriggers(reader: Reader, project?: string): Promise<TriggerRow[]> {
  const rows = await reader.all<Stored>(
    `SELECT * FROM pipeline_triggers ${project === undefined ? '' : 'WHERE project = ?'} ORDER BY project, name`,
    project === undefined ? [] : [project],
  )
  return rows.map(parsed)
}

/** Undefined where there is none. */
export async function readTrigger(reader: Reader, { project, name }: Named): Promise<TriggerRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_triggers WHERE project = ? AND name = ?', [
    project,
    name,
  ])
  return row === undefined ? undefined : parsed(row)
}

/** Throws `not_found`, also for one of a project that the caller does not see. */
export async function requireTrigger(reader: Reader, who: Principal, named: Named): Promise<TriggerRow> {
  const trigger = who.project === null || who.project === named.project ? await readTrigger(reader, named) : undefined
  if (trigger === undefined) throw problem('not_found', { what: 'trigger', id: `${named.project}/${named.name}` })
  return trigger
}

/** Something that may start a run: `cause` names it, the same however often it is noticed. */
export interface Happened {
  readonly cause: string
  readonly what: string
}

/** Keeps what was noticed, each cause once. How many are new. */
export async function keepEvents(
  t: Tx,
  { project, name }: Named,
  happened: readonly Happened[],
  { ids, now }: { readonly ids: (kind: string) => string; readonly now: number },
): Promise<number> {
  let added = 0
  for (const { cause, what } of happened)
    added += await t.run(
      `INSERT INTO pipeline_trigger_events (id, project, name, cause, what, state, message, created_at)
       VALUES (?, ?, ?, ?, ?, 'waiting', '', ?) ON CONFLICT (project, name, cause) DO NOTHING`,
      [ids('event'), project, name, cause, what, now],
    )
  return added
}

/** What waits for its run, or has its name and perhaps not the run itself, oldest first. */
export function openEvents(reader: Reader, { project, name }: Named, limit: number): Promise<EventRow[]> {
  return reader.all<EventRow>(
    `SELECT * FROM pipeline_trigger_events WHERE project = ? AND name = ? AND state IN ('waiting', 'starting')
     ORDER BY created_at, id LIMIT ?`,
    [project, name, limit],
  )
}

type Before = readonly [at: number, id: string] | undefined

/** Rows of a trigger, newest first, before a position of `created_at` and id. */
export function listOfTrigger<R>(
  reader: Reader,
  table: 'pipeline_trigger_events' | 'pipeline_trigger_deliveries',
  { project, name }: Named,
  { before, limit }: { readonly before: Before; readonly limit: number },
): Promise<R[]> {
  const [at, id] = before ?? [Number.MAX_SAFE_INTEGER, '']
  return reader.all<R>(
    `SELECT * FROM ${table} WHERE project = ? AND name = ? AND (created_at < ? OR (created_at = ? AND id < ?))
     ORDER BY created_at DESC, id DESC LIMIT ?`,
    [project, name, at, at, id, limit],
  )
}

/** How many runs it has started since a time. */
export async function startedSince(reader: Reader, { project, name }: Named, since: number): Promise<number> {
  const row = await reader.get<{ n: number }>(
    'SELECT COUNT(DISTINCT run_id) AS n FROM pipeline_trigger_events WHERE project = ? AND name = ? AND started_at > ?',
    [project, name, since],
  )
  return row?.n ?? 0
}
