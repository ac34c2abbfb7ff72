/** The alarm of predictions that were answered and could not be logged, as on a full disk: monitors and labels will miss them. */
import { DAY_MS } from '../../contract/ids.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentDetail, IncidentRow } from '../incidents/rows.ts'
import { lockMonitor } from '../context/context.ts'
import type { LogLoss, MonitoringDeps } from '../context/context.ts'
import { endpointRow } from '../../serving/context/rows.ts'

/** Time without a further loss after which the incident is resolved, ms. */
const CLEAR_MS = 10 * 60_000

/** What the watch remembers of each log since its last look. */
export interface LossMemory {
  readonly lost: Map<string, number>
  readonly requests: Map<string, ReadonlyMap<string, number>>
}

export function lossMemory(): LossMemory {
  return { lost: new Map(), requests: new Map() }
}

/**
 * Opens an incident for each endpoint that answered while a log lost records, adds to it while more are lost, and resolves it
 * when none was for ten minutes. A log's count goes on from what its incidents tell, so a loss is told once though control
 * was away; while the disk refuses the incident too, the next look tries again.
 */
export async function checkLogLoss(deps: MonitoringDeps, memory: LossMemory): Promise<void> {
  for (const loss of await deps.logLosses()) {
    const answered = endpointsSince(loss, memory.requests.get(loss.writer))
    const before = memory.lost.get(loss.writer) ?? (await toldOf(deps, loss.writer))
    if (loss.lost > before) {
      for (const endpoint of answered) await tellLoss(deps, endpoint, loss)
    }
    memory.lost.set(loss.writer, loss.lost)
    memory.requests.set(loss.writer, new Map(loss.requests))
  }
  await resolveQuiet(deps)
}

/** Endpoints that this log's gateway answered for since the last look. */
function endpointsSince(loss: LogLoss, before: ReadonlyMap<string, number> | undefined): string[] {
  return [...loss.requests].filter(([name, count]) => count > (before?.get(name) ?? 0)).map(([name]) => name)
}

/** Does nothing when incidents tell as much already, or the endpoint is gone. */
async function tellLoss(deps: MonitoringDeps, endpoint: string, loss: LogLoss): Promise<void> {
  const now = deps.clock()
  const told = await deps.db.tx(async (t) => {
    if ((await endpointRow(t, endpoint)) === undefined) return undefined
    await lockMonitor(t, endpoint)
    const known = await currentIncident(t, endpoint, 'serving', now - 30 * DAY_MS)
    const { lost, records, noted } = evidenceOf(known)
    const before = lost[loss.writer] ?? 0
    if (before >= loss.lost) return undefined
    const open = known !== undefined && known.state !== 'resolved' ? known : undefined
    const row =
      open ?? newIncident({ id: deps.ids('inc'), endpoint, kind: 'serving', severity: 'high', opened_at: now })
    const all = (open === undefined ? 0 : records) + loss.lost - before
    const title = `${all} records of the prediction log could not be written: ${loss.error ?? 'the disk refuses them'}`
    // The timeline tells each doubling, not each look.
    const due = open === undefined || all >= 2 * noted
    if (due) note(row.detail, { at: now, event: now, kind: open === undefined ? 'opened' : 'lost', text: title })
    const evidence: LossEvidence = {
      lost: { ...lost, [loss.writer]: loss.lost },
      records: all,
      noted: due ? all : noted,
      error: loss.error,
    }
    row.detail.causes = [{ rank: 1, kind: 'records_lost', title, score: 1, features: [], evidence: { ...evidence } }]
    await writeIncident(t, { ...row, title, last_event: now })
    return { id: row.id, due }
  })
  if (told?.due === true) deps.changed(told.id)
}

async function resolveQuiet(deps: MonitoringDeps): Promise<void> {
  const now = deps.clock()
  const open = await deps.db.all<{ endpoint: string; last_event: number }>(
    "SELECT endpoint, last_event FROM incidents WHERE kind = 'serving' AND state <> 'resolved'",
  )
  for (const { endpoint, last_event } of open) {
    if (now - last_event < CLEAR_MS) continue
    const changed = await deps.db.tx(async (t) => {
      await lockMonitor(t, endpoint)
      const row = await currentIncident(t, endpoint, 'serving', now)
      if (row === undefined || row.state === 'resolved' || now - row.last_event < CLEAR_MS) return undefined
      note(row.detail, { at: now, event: now, kind: 'resolved', text: 'every record is written again' })
      await writeIncident(t, { ...row, state: 'resolved', resolved_at: now, resolved_event: now })
      return row.id
    })
    if (changed !== undefined) deps.changed(changed)
  }
}

/** What incidents have told of a log already, whichever process wrote them. */
async function toldOf({ db }: MonitoringDeps, writer: string): Promise<number> {
  const rows = await db.all<{ detail: string }>(
    "SELECT detail FROM incidents WHERE kind = 'serving' ORDER BY last_event DESC LIMIT 200",
  )
  const counts = rows.map(
    ({ detail }) => evidenceOf({ detail: JSON.parse(detail) as IncidentDetail }).lost[writer] ?? 0,
  )
  return Math.max(0, ...counts)
}

interface LossEvidence {
  /** Count of each log that incidents of this endpoint have told. */
  readonly lost: Readonly<Record<string, number>>
  /** Records lost since the incident was opened. */
  readonly records: number
  /** The same, as the timeline told it last. */
  readonly noted: number
  readonly error: string | null
}

function evidenceOf(incident: Pick<IncidentRow, 'detail'> | undefined): LossEvidence {
  const found = incident?.detail.causes[0]?.evidence ?? {}
  return { lost: {}, records: 0, noted: 0, error: null, ...(found as Partial<LossEvidence>) }
}
