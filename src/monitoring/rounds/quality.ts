/** Watches quality on labels: three weeks of labelled predictions against what the version's hold-out promised. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import { aucInterval } from '../../stats/metrics.ts'
import type { Tx } from '../../store/db.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentDetail, IncidentRow } from '../incidents/rows.ts'
import { wantReactions } from '../incidents/reactions.ts'
import { labelDelay } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { scoredRows } from '../labels/scored.ts'
import type { QualityLook } from '../checks/looks.ts'

/** Days of a window. Months differ in how hard they are: shorter windows of the flights data cross any useful limit in calm months. */
const WINDOW_DAYS = 21
/** Hours between two looks; two in a row must agree. */
export const LOOK_HOURS = 12
/** Labelled rows, and rows of either outcome, below which nothing is said. */
const MIN_LABELLED = 1000
const MIN_OUTCOME = 50
/** Share of a window that must have labels. */
const MIN_COVERAGE = 0.5
/** Fall of the area under the curve, below the hold-out's, that is told. */
const MARGIN = 0.06

/** Looks at the three weeks whose labels are due at the end of an hour: those that come early are not like the others. Undefined where too few labels are there, or the hold-out gives no area. */
export async function lookAtQuality(
  deps: MonitoringDeps,
  endpoint: string,
  asked: { readonly hour: number; readonly reference: number | undefined; readonly settings: MonitorSettings },
): Promise<QualityLook | undefined> {
  const { hour, reference, settings } = asked
  if (reference === undefined) return undefined
  const to = (hour + 1) * HOUR_MS - labelDelay(settings)
  const rows = await scoredRows(deps.db, { endpoint, from: to - WINDOW_DAYS * DAY_MS, to })
  const labelled = rows.filter((row) => row.label === 0 || row.label === 1)
  const positives = labelled.filter((row) => row.label === 1).length
  const enough = labelled.length >= MIN_LABELLED && labelled.length >= MIN_COVERAGE * rows.length
  if (!enough || Math.min(positives, labelled.length - positives) < MIN_OUTCOME) return undefined
  const { estimate, low, high } = aucInterval({
    scores: Float64Array.from(labelled, (row) => row.score),
    labels: Float64Array.from(labelled, (row) => row.label as number),
  })
  return { hour, area: estimate, low, high, reference, labelled: labelled.length, below: high < reference - MARGIN }
}

interface Judged {
  readonly endpoint: string
  readonly settings: MonitorSettings
  readonly before: QualityLook | null
  readonly now: QualityLook
}

/** Opens, keeps or resolves the quality incident. Returns the id of an incident that changed. */
export async function applyQuality(deps: MonitoringDeps, judged: Judged): Promise<string | undefined> {
  const { endpoint, settings, before, now } = judged
  const event = (now.hour + 1) * HOUR_MS
  return deps.db.tx(async (t) => {
    const known = await currentIncident(t, endpoint, 'quality', event - 14 * DAY_MS)
    if (now.below && before?.below === true) {
      if (known !== undefined && known.state !== 'resolved') {
        await writeIncident(t, { ...known, last_event: event, detail: { ...known.detail, clear: 0 } })
        return undefined
      }
      const row =
        known === undefined ? opened(deps, judged, await beganOf(t, endpoint, event)) : reopened(deps, known, event)
      await writeIncident(t, row)
      if (known === undefined) await wantReactions(t, row, settings.reactions.quality, deps.clock())
      return row.id
    }
    if (known === undefined || known.state === 'resolved' || now.below) return undefined
    const row = clearer(known, { at: deps.clock(), event, area: now.area })
    await writeIncident(t, row)
    return row.state === 'resolved' ? row.id : undefined
  })
}

/** An open incident after a look that is well; the second in a row is its end. Times are ms. */
function clearer(
  known: IncidentRow,
  { at, event, area }: { readonly at: number; readonly event: number; readonly area: number },
): IncidentRow {
  const detail: IncidentDetail = { ...known.detail, clear: known.detail.clear + 1 }
  if (detail.clear < 2) return { ...known, detail }
  note(detail, { at, event, kind: 'resolved', text: `the area is ${area.toFixed(3)} again` })
  return { ...known, state: 'resolved', resolved_at: at, resolved_event: event, detail }
}

function reopened(deps: MonitoringDeps, known: IncidentRow, event: number): IncidentRow {
  note(known.detail, { at: deps.clock(), event, kind: 'opened again', text: 'quality is low again' })
  return { ...known, state: 'open', resolved_at: null, resolved_event: null, last_event: event }
}

/** Begin of the window whose labels were due by an event time, but none before the first row, ms. */
async function beganOf(t: Tx, endpoint: string, event: number): Promise<number> {
  const row = await t.get<{ hour: number | null }>('SELECT min(hour) AS hour FROM monitor_hours WHERE endpoint = ?', [
    endpoint,
  ])
  const begin = event - WINDOW_DAYS * DAY_MS
  return row?.hour == null ? begin : Math.min(event, Math.max(begin, row.hour * HOUR_MS))
}

function opened(deps: MonitoringDeps, { endpoint, now }: Judged, began: number): IncidentRow {
  const event = (now.hour + 1) * HOUR_MS
  const at = deps.clock()
  const title = `area under the curve fell to ${now.area.toFixed(3)} over ${WINDOW_DAYS} days, ${now.reference.toFixed(3)} at registration`
  const evidence = {
    area: now.area,
    interval: [now.low, now.high],
    reference: now.reference,
    margin: MARGIN,
    labelled: now.labelled,
    days: WINDOW_DAYS,
  }
  const row = newIncident({
    id: deps.ids('inc'),
    endpoint,
    kind: 'quality',
    severity: 'high',
    title: `Quality fell: ${title}`,
    opened_at: at,
    opened_event: event,
    began_event: began,
    until: now.hour + 1,
    causes: [{ rank: 1, kind: 'quality_fall', title, score: 0.95, features: [], evidence }],
  })
  note(row.detail, { at, event, kind: 'opened', text: `${now.labelled} labelled predictions, two looks in a row` })
  return row
}
