/** Starts runs for what triggers have noticed: each cause has one run, also where a process dies between the two. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { Problem } from '../../contract/errors.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { faultPoint } from '../../store/fault.ts'
import { inList, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import type { NewRun } from '../run/runs.ts'
import { openEvents, startedSince, type EventRow, type TriggerRow } from './rows.ts'

/** What runs are started with. */
export interface FireDeps {
  readonly context: Context
  readonly startRun: (who: Principal, project: string, run: Omit<NewRun, 'version'>) => Promise<string>
}

/** Events that are looked at together. */
const AT_ONCE = 500

/** Starts what is due of a trigger. True where something was started. */
export async function fire(deps: FireDeps, trigger: TriggerRow): Promise<boolean> {
  const { db, clock } = deps.context.deps
  const open = await openEvents(db, trigger, AT_ONCE)
  for (const [run, events] of Map.groupBy(open.filter(isNamed), ({ run_id }) => run_id))
    await start(deps, trigger, run, events)
  const waiting = open.filter(({ state }) => state === 'waiting')
  const due = await dueRuns(deps, trigger, waiting)
  for (const events of due) {
    const run = `pr_trigger_${events[0]?.id ?? ''}`
    const ids = inList(events.map(({ id }) => id))
    const now = clock()
    const { text, params } =
      sql`UPDATE pipeline_trigger_events SET state = 'starting', run_id = ${run}, started_at = ${now}
      WHERE id IN ${ids} AND state = 'waiting'`
    // another process that believes that it leads may have named them first
    if ((await db.tx((t) => t.run(text, params))) < events.length) continue
    faultPoint('pipelines.trigger_named')
    await start(deps, trigger, run, events)
  }
  return due.length > 0
}

function isNamed(event: EventRow): event is EventRow & { readonly run_id: string } {
  return event.state === 'starting' && event.run_id !== null
}

/**
 * Which events start a run together now: all of them where the trigger waits for quiet, else each by itself as far as it may within an hour,
 * and with the last of these runs all that is left.
 */
async function dueRuns(
  deps: FireDeps,
  trigger: TriggerRow,
  waiting: readonly EventRow[],
): Promise<(readonly EventRow[])[]> {
  const { db, clock } = deps.context.deps
  const { debounce_ms, at_most } = trigger.spec
  const last = waiting.at(-1)
  if (last === undefined || clock() < last.created_at + debounce_ms) return []
  const free = at_most - (await startedSince(db, trigger, clock() - HOUR_MS))
  if (free <= 0) return []
  if (debounce_ms > 0) return [waiting]
  if (waiting.length <= free) return waiting.map((event) => [event])
  return [...waiting.slice(0, free - 1).map((event) => [event]), waiting.slice(free - 1)]
}

/** Makes the run, or nothing where it is there already, and says so of its events. */
async function start(
  deps: FireDeps,
  { project, name, spec }: TriggerRow,
  run: string,
  events: readonly EventRow[],
): Promise<void> {
  const { db } = deps.context.deps
  let failed = ''
  try {
    const options = Object.keys(spec.set).length > 0 ? { set: spec.set } : {}
    await deps.startRun(SYSTEM, project, {
      params: {},
      options,
      trigger: 'event',
      id: run,
      cause: causeOf(name, events),
    })
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    failed = `its run could not be made: ${error.message}`
  }
  faultPoint('pipelines.trigger_started')
  await db.tx((t) =>
    t.run("UPDATE pipeline_trigger_events SET state = ?, message = ? WHERE run_id = ? AND state = 'starting'", [
      failed === '' ? 'started' : 'failed',
      failed,
      run,
    ]),
  )
}

function causeOf(name: string, events: readonly EventRow[]): string {
  const more = events.length > 1 ? `, and ${events.length - 1} more` : ''
  return `trigger ${name}: ${events[0]?.what ?? ''}${more}`
}
