/** The alarm of webhooks that take no messages: an endpoint whose incidents reach nobody has an incident that says so. */
import type { Tx } from '../../store/db.ts'
import type { KeptCause } from '../incidents/causes.ts'
import { isFailing, namedRoutes } from '../incidents/outbox.ts'
import type { RouteState } from '../incidents/outbox.ts'
import { lockMonitor } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'

type Deps = Pick<MonitoringDeps, 'db' | 'clock' | 'ids' | 'changed'>

/** Opens one incident for each endpoint of which a webhook fails, follows it, and resolves it when each takes messages again. */
export async function checkNotifications(deps: Deps): Promise<void> {
  const failing = (await namedRoutes(deps.db)).filter(isFailing)
  const open = await deps.db.all<{ endpoint: string }>(
    "SELECT DISTINCT endpoint FROM incidents WHERE kind = 'notification' AND state <> 'resolved'",
  )
  for (const endpoint of new Set([...failing, ...open].map((one) => one.endpoint))) {
    const own = failing.filter((one) => one.endpoint === endpoint)
    const changed = await deps.db.tx((t) => tell(deps, t, endpoint, own))
    if (changed !== undefined) deps.changed(changed)
  }
}

async function tell(deps: Deps, t: Tx, endpoint: string, failing: readonly RouteState[]): Promise<string | undefined> {
  if ((await endpointRow(t, endpoint)) === undefined) return undefined
  await lockMonitor(t, endpoint)
  const now = deps.clock()
  const known = await currentIncident(t, endpoint, 'notification', now)
  const open = known?.state === 'resolved' ? undefined : known
  const routes = failing.map(({ route }) => route)
  if (routes.length === 0) {
    if (open === undefined) return undefined
    note(open.detail, { at: now, event: now, kind: 'resolved', text: 'every webhook takes messages again' })
    await writeIncident(t, { ...open, state: 'resolved', resolved_at: now, resolved_event: now })
    return open.id
  }
  const told = (open?.detail.causes[0]?.evidence['routes'] ?? []) as string[]
  const title = failing.map(sentence).join('; ')
  const evidence = { routes, waiting: failing.map(({ waiting }) => waiting), errors: failing.map(({ error }) => error) }
  const cause: KeptCause = { rank: 1, kind: 'webhook_failing', title, score: 1, features: [], evidence }
  if (open !== undefined && told.join() === routes.join()) {
    if (open.title === title) return undefined
    // another error of the same webhooks is shown, and no news that other webhooks are told
    await writeIncident(t, { ...open, title, detail: { ...open.detail, causes: [cause] } })
    return open.id
  }
  const row =
    open ?? newIncident({ id: deps.ids('inc'), endpoint, kind: 'notification', severity: 'medium', opened_at: now })
  note(row.detail, { at: now, event: now, kind: open === undefined ? 'opened' : 'changed', text: title })
  row.detail.causes = [cause]
  await writeIncident(t, { ...row, title, last_event: now })
  return row.id
}

function sentence({ route, error }: RouteState): string {
  const which = route === 'webhook' ? 'the webhook' : `the webhook "${route}"`
  return `${which} takes no messages: ${error ?? 'nothing is known of why'}`
}
