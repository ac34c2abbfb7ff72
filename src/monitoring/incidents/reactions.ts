/** Reactions to incidents: each is wanted in the transaction that opens the incident and done once. */
import type { Tx } from '../../store/db.ts'
import { badIds, note, requireIncident } from './rows.ts'
import { writeIncident } from './writing.ts'
import type { IncidentRow } from './rows.ts'
import { monitorOf } from '../context/context.ts'
import type { MonitoringDeps, ReactionRequest } from '../context/context.ts'

export type Reaction = 'retrain' | 'rollback' | 'halt'

/** Asks for the reactions that settings name; a reaction that the incident had already is not asked for again. */
export async function wantReactions(
  t: Tx,
  incident: IncidentRow,
  wanted: readonly (Reaction | 'incident')[],
  now: number,
): Promise<void> {
  for (const reaction of wanted) {
    if (reaction === 'incident') continue
    await t.run(
      "INSERT INTO incident_reactions (incident_id, reaction, at, state, result) VALUES (?,?,?,'wanted','') ON CONFLICT (incident_id, reaction) DO NOTHING",
      [incident.id, reaction, now],
    )
  }
}

/**
 * Does what is wanted. A process that dies between the doing and the note of it does it again: what it calls is told the incident's
 * id and may look for it.
 */
export async function doReactions(deps: MonitoringDeps): Promise<void> {
  const wanted = await deps.db.all<{ incident_id: string; reaction: Reaction }>(
    "SELECT incident_id, reaction FROM incident_reactions WHERE state = 'wanted' ORDER BY at",
  )
  for (const { incident_id, reaction } of wanted) {
    const incident = await requireIncident(deps.db, incident_id)
    const outcome = await attempt(() => react(deps, incident, reaction, incident.title))
    await deps.db.tx(async (t) => {
      await t.run('UPDATE incident_reactions SET state = ?, result = ? WHERE incident_id = ? AND reaction = ?', [
        outcome.ok ? 'done' : 'failed',
        outcome.text,
        incident_id,
        reaction,
      ])
      const row = await requireIncident(t, incident_id)
      const text = outcome.ok ? outcome.text : `failed: ${outcome.text}`
      note(row.detail, { at: deps.clock(), event: null, kind: reaction, text })
      await writeIncident(t, row)
    })
    deps.changed(incident_id)
  }
}

async function attempt(work: () => Promise<string>): Promise<{ ok: boolean; text: string }> {
  try {
    return { ok: true, text: await work() }
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) }
  }
}

/** Does a reaction now; resolves to what was done, in words. */
export async function react(
  deps: MonitoringDeps,
  incident: IncidentRow,
  reaction: Reaction,
  reason: string,
): Promise<string> {
  const monitor = await monitorOf(deps.db, incident.endpoint)
  const request: ReactionRequest = {
    endpoint: incident.endpoint,
    incident: incident.id,
    reason,
    until: monitor.newest_event ?? deps.clock(),
    exclude: await badIds(deps.db, incident.endpoint),
  }
  if (reaction === 'retrain')
    return `retraining started as run ${await deps.retrain(request)}, without ${request.exclude.length} rows marked bad`
  return reaction === 'rollback' ? deps.rollback(request) : deps.halt(request)
}
