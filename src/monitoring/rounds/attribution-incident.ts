/** A change of attributions that two looks in a row tell: it joins the drift incident that is open, or opens one of its own. */
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { MonitorSettings } from '../../contract/monitoring.ts'
import { moveOf, viewAttribution } from '../checks/attribution.ts'
import { listed, rankCauses } from '../incidents/causes.ts'
import type { KeptCause, Suspect } from '../incidents/causes.ts'
import { endAll, follow, isOpen, mustPage, openSeverity, pagedFor } from '../incidents/course.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentDetail, IncidentRow } from '../incidents/rows.ts'
import { wantReactions } from '../incidents/reactions.ts'
import type { MonitoringDeps } from '../context/context.ts'
import type { AttributionLook } from '../checks/looks.ts'

interface Judged {
  readonly endpoint: string
  readonly settings: MonitorSettings
  readonly before: AttributionLook | null
  readonly now: AttributionLook
}

/** Whether a drift incident is of attributions alone: no check of a feature is among its findings. */
export function ofAttributionsAlone({ detail }: Pick<IncidentRow, 'detail'>): boolean {
  return detail.features.length === 0
}

/** Opens, joins or resolves. Returns the id of an incident that changed. */
export async function applyAttribution(deps: MonitoringDeps, judged: Judged): Promise<string | undefined> {
  const { endpoint, before, now } = judged
  const event = (now.hour + 1) * HOUR_MS
  const earlier = before?.version === now.version ? before.state : undefined
  return deps.db.tx(async (t) => {
    const known = await currentIncident(t, endpoint, 'drift', event - DAY_MS)
    const open = known !== undefined && known.state !== 'resolved'
    if (now.state === 'alert') {
      if (earlier !== 'alert') return undefined
      const again = known !== undefined && !open && ofAttributionsAlone(known)
      const base = open || again ? known : opened(deps, judged, event)
      const told = open && base.detail.causes.some((one) => one.kind === 'attribution_shift' && isOpen(one))
      const row = grown(deps, judged, { base, told })
      await writeIncident(t, row)
      if (base.pages === 0 && row.pages > 0) await wantReactions(t, row, judged.settings.reactions.drift, deps.clock())
      return told ? undefined : row.id
    }
    if (!open || earlier === 'alert' || !ofAttributionsAlone(known)) return undefined
    await writeIncident(t, over(deps, known, now))
    return known.id
  })
}

function grown(
  deps: MonitoringDeps,
  judged: Judged,
  { base, told }: { readonly base: IncidentRow; readonly told: boolean },
): IncidentRow {
  const { settings, now } = judged
  const { check } = viewAttribution(now, settings)
  const cause = suspectOf(now)
  const causes = rankCauses(
    rankCauses(base.detail.causes, [cause], []).map((one) => seen(one, judged)),
    [],
    [],
  )
  const was = base.state === 'resolved' ? null : openSeverity(base.detail.causes)
  const pages = mustPage(was, causes)
  const detail: IncidentDetail = {
    ...base.detail,
    clear: 0,
    causes: pages ? pagedFor(causes) : causes,
    checks: [...base.detail.checks.filter((one) => one.check !== check.check), check],
    until: Math.max(base.detail.until, now.hour + 1),
  }
  const text = `${cause.title}; distance ${fixed(now.distance)}, limit ${fixed(now.limit)}`
  if (!told) note(detail, { at: deps.clock(), event: (now.hour + 1) * HOUR_MS, kind: 'attributions moved', text })
  const state = base.state === 'resolved' ? { state: 'open' as const, resolved_at: null, resolved_event: null } : {}
  return {
    ...base,
    ...state,
    title: detail.causes[0]?.title ?? cause.title,
    severity: openSeverity(detail.causes) ?? base.severity,
    pages: base.pages + (pages ? 1 : 0),
    detail,
  }
}

/** The cause of attributions as it is after a look that alerts; every other as it was. */
function seen(cause: KeptCause, { settings, now }: Judged): KeptCause {
  if (cause.kind !== 'attribution_shift') return cause
  const end = (now.hour + 1) * HOUR_MS
  const severity = settings.attribution.pages ? 'medium' : 'low'
  const { course } = follow(cause.course, { end, sign: 'sure', severity, began: end })
  return course === undefined ? cause : { ...cause, course }
}

const fixed = (value: number | null): string => (value ?? 0).toFixed(3)
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

/** Inputs that are named: those that moved at least this much of the most that one moved. */
const NAMED_FROM = 0.25
const MOST_NAMED = 5

function suspectOf({ distance, limit, ndcg, rows, baseline_rows, inputs }: AttributionLook): Suspect {
  const most = Math.max(0, ...inputs.map(moveOf))
  const named = inputs.filter((one) => moveOf(one) >= NAMED_FROM * most).slice(0, MOST_NAMED)
  const moves = named.map(({ name, share, baseline_share }) => `${name} ${percent(baseline_share)} → ${percent(share)}`)
  return {
    kind: 'attribution_shift',
    title: `shares of the contributions moved: ${listed(moves)}`,
    // below every cause that says why
    score: 0.2,
    features: named.map((one) => one.name),
    evidence: { distance, limit, ndcg, rows, baseline_rows, inputs: named },
  }
}

/** It began and ended as far as features are concerned when it was opened: its hours stay a baseline for their checks. */
function opened(deps: MonitoringDeps, { endpoint, settings, now }: Judged, event: number): IncidentRow {
  const { pages } = settings.attribution
  return newIncident({
    id: deps.ids('inc'),
    endpoint,
    kind: 'drift',
    severity: pages ? 'medium' : 'low',
    opened_at: deps.clock(),
    opened_event: event,
    pages: 0,
    until: now.hour + 1,
  })
}

function over(deps: MonitoringDeps, known: IncidentRow, now: AttributionLook): IncidentRow {
  const { detail } = known
  const [at, event] = [deps.clock(), (now.hour + 1) * HOUR_MS]
  const text = now.state === 'ok' ? 'two looks in a row are clear' : 'there are too few explained rows to judge by'
  note(detail, { at, event, kind: 'resolved', text })
  const ended = { ...detail, causes: endAll(detail.causes, event) }
  return { ...known, state: 'resolved', resolved_at: at, resolved_event: event, detail: ended }
}
