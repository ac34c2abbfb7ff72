/** Triggers as the contract shows them. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import type { TriggerDelivery, TriggerEvent, TriggerState, TriggerView } from '../../contract/pipelines/triggers.ts'
import type { Reader } from '../../store/db.ts'
import { isCalled, watchesOf } from '../spec/triggers/triggers.ts'
import { pathOf } from './calls.ts'
import { startedSince, type DeliveryRow, type EventRow, type TriggerRow } from './rows.ts'

/** Of a trigger what its events say. */
interface Figures {
  readonly pending: number
  readonly last_run: string | null
  readonly last_event_at: number | null
}

export async function viewTrigger(
  reader: Reader,
  trigger: TriggerRow,
  now: number,
): Promise<z.output<typeof TriggerView>> {
  const { project, name, spec, trouble, trouble_since, looked_at, secret } = trigger
  const figures = await figuresOf(reader, trigger)
  const { pending, last_run, last_event_at } = figures
  return {
    project,
    name,
    on: spec.on,
    watches: watchesOf(spec),
    state: await stateOf(reader, trigger, figures, now),
    trouble: isCalled(spec) && secret === null ? NO_SECRET : trouble,
    trouble_since: trouble_since === null ? null : toTime(trouble_since),
    looked_at: looked_at === null || isCalled(spec) ? null : toTime(looked_at),
    debounce_ms: spec.debounce_ms,
    at_most: spec.at_most,
    pending,
    last_run,
    last_event_at: last_event_at === null ? null : toTime(last_event_at),
    path: isCalled(spec) ? pathOf(trigger) : null,
    has_secret: secret !== null,
  }
}

const NO_SECRET = 'it has no secret yet, and takes no calls: slipway triggers secret PROJECT NAME makes one'

async function figuresOf(reader: Reader, { project, name }: TriggerRow): Promise<Figures> {
  const open = await reader.get<{ n: number }>(
    "SELECT COUNT(*) AS n FROM pipeline_trigger_events WHERE project = ? AND name = ? AND state IN ('waiting', 'starting')",
    [project, name],
  )
  const last = await reader.get<{ created_at: number }>(
    'SELECT created_at FROM pipeline_trigger_events WHERE project = ? AND name = ? ORDER BY created_at DESC, id DESC LIMIT 1',
    [project, name],
  )
  const started = await reader.get<{ run_id: string }>(
    `SELECT run_id FROM pipeline_trigger_events WHERE project = ? AND name = ? AND state = 'started'
     ORDER BY created_at DESC, id DESC LIMIT 1`,
    [project, name],
  )
  return { pending: open?.n ?? 0, last_run: started?.run_id ?? null, last_event_at: last?.created_at ?? null }
}

async function stateOf(reader: Reader, trigger: TriggerRow, { pending }: Figures, now: number): Promise<TriggerState> {
  const { spec, trouble, secret } = trigger
  if (trouble !== null || (isCalled(spec) && secret === null)) return 'blind'
  if (pending === 0) return 'watching'
  return (await startedSince(reader, trigger, now - HOUR_MS)) >= spec.at_most ? 'held' : 'waiting'
}

export function viewEvent({ id, what, state, run_id, message, created_at }: EventRow): z.output<typeof TriggerEvent> {
  return { id, what, state, run: state === 'started' ? run_id : null, message, at: toTime(created_at) }
}

export function viewDelivery(row: DeliveryRow): z.output<typeof TriggerDelivery> {
  const { id, delivery, outcome, reason, created_at } = row
  return { id, delivery, outcome, reason, at: toTime(created_at) }
}

/** Triggers that cannot look, for `/metrics`: of each whether it is so. */
export async function blindTriggers(
  reader: Reader,
  project: string | null,
): Promise<{ project: string; name: string; blind: boolean }[]> {
  const rows = await reader.all<{
    project: string
    name: string
    trouble: string | null
    secret: string | null
    spec: string
  }>(
    `SELECT project, name, trouble, secret, spec FROM pipeline_triggers ${project === null ? '' : 'WHERE project = ?'}
     ORDER BY project, name`,
    project === null ? [] : [project],
  )
  return rows.map(({ trouble, secret, spec, ...named }) => ({
    ...named,
    blind: trouble !== null || (secret === null && isCalled(JSON.parse(spec) as TriggerRow['spec'])),
  }))
}
