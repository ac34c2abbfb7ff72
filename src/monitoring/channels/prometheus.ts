/** The monitors' figures, and those of pipelines, as Prometheus reads them (text format 0.0.4). */
import { HOUR_MS } from '../../contract/ids.ts'
import type { StorageState } from '../../contract/system.ts'
import type { Db } from '../../store/db.ts'
import { credentialFamilies, familiesText } from '../../http/prometheus-text.ts'
import type { Family, Sample } from '../../http/prometheus-text.ts'
import { isFailing, namedRoutes } from '../incidents/outbox.ts'
import { openCauses } from '../incidents/rows.ts'
import { findingsSeries, labelCoverage } from './figures.ts'
import { pipelineFamilies, placesFamily, poolFamily } from './pipelines.ts'
import type { MonitoringDeps, MonitorRow } from '../context/context.ts'
import { endpointNames } from '../../serving/context/rows.ts'
import { settledHour } from '../rounds/state.ts'
import { allWatched } from '../watched/facts.ts'

/** All families as text, of the endpoints and pipelines of a project; null = of all. */
export async function prometheusText(deps: MonitoringDeps, project: string | null): Promise<string> {
  const names = new Set(await endpointNames(deps.db, project))
  const all = await deps.db.all<MonitorRow>('SELECT * FROM monitors ORDER BY endpoint')
  const seen = (row: { endpoint: string }): boolean => names.has(row.endpoint)
  const monitored = await families(deps, all.filter(seen), seen)
  const ofServer =
    project === null
      ? [
          unsealed(await deps.openAddresses()),
          ...storage(await deps.stored()),
          placesFamily(await deps.places()),
          await poolFamily(deps),
          ...credentialFamilies(deps.credentials()),
        ]
      : []
  return familiesText([
    ...monitored,
    await watched(deps, project),
    ...(await pipelineFamilies(deps, project)),
    merges(await deps.mergeTimes(project)),
    ...ofServer,
  ])
}

/** One sample an endpoint, so that an alert needs no list of reasons. */
async function watched(deps: MonitoringDeps, project: string | null): Promise<Family> {
  const all = await allWatched(deps, project)
  return {
    name: 'slipway_endpoint_watched',
    type: 'gauge',
    help: '1 while the endpoint is watched or soon will be, 0 while nothing watches it; `reason` says why not.',
    samples: all.map(({ endpoint, watched: { state, reason } }) => ({
      labels: { endpoint, state, reason: reason ?? '' },
      value: state === 'unwatched' ? 0 : 1,
    })),
  }
}

/** What is known of the store. Times of looks that never were are left out. */
function storage({ database, blobs, disk }: StorageState): Family[] {
  const looked = [
    { what: 'database', at: database.looked_at },
    { what: 'blobs', at: blobs.looked_at },
  ]
  return [
    {
      name: 'slipway_storage_free_bytes',
      type: 'gauge',
      help: 'Free bytes of the disk of the data folder; under 256 MiB large writes are to be expected to fail.',
      samples: [{ labels: {}, value: disk.free_bytes }],
    },
    {
      name: 'slipway_storage_database_corrupt',
      type: 'gauge',
      help: '1 when the database is known to be damaged.',
      samples: [{ labels: {}, value: database.state === 'corrupt' ? 1 : 0 }],
    },
    {
      name: 'slipway_storage_corrupt_blobs',
      type: 'gauge',
      help: 'Stored files whose bytes are not those that were written, or that are not there.',
      samples: [{ labels: {}, value: blobs.corrupt_count }],
    },
    {
      name: 'slipway_storage_missing_blobs',
      type: 'gauge',
      help: 'Files that rows need and that are not there.',
      samples: [{ labels: {}, value: blobs.missing_count }],
    },
    {
      name: 'slipway_storage_last_look_timestamp_seconds',
      type: 'gauge',
      help: 'When the database, and a portion of the files, were last looked at.',
      samples: looked.flatMap(({ what, at }) =>
        at === null ? [] : [{ labels: { what }, value: Date.parse(at) / 1000 }],
      ),
    },
  ]
}

/** Rows that hold an address of a webhook as it is. */
function unsealed(open: Awaited<ReturnType<MonitoringDeps['openAddresses']>>): Family {
  return {
    name: 'slipway_unsealed_addresses',
    type: 'gauge',
    help: 'Endpoints, versions and project files whose rows hold the address of a webhook unsealed; a start seals them.',
    samples: Object.entries(open).map(([where, value]) => ({ labels: { where }, value })),
  }
}

/** No sample while no merge was promoted: there is no time to tell. */
function merges({ items, median_ms }: Awaited<ReturnType<MonitoringDeps['mergeTimes']>>): Family {
  const told = [
    { stat: 'median', ms: median_ms },
    { stat: 'newest', ms: items[0]?.ms ?? null },
  ]
  return {
    name: 'slipway_merge_to_promoted_seconds',
    type: 'gauge',
    help: 'From a merge to the main branch to the promotion of its version: the median of the last 20, and the newest.',
    samples: told.flatMap(({ stat, ms }) => (ms === null ? [] : [{ labels: { stat }, value: ms / 1000 }])),
  }
}

function of(row: { endpoint: string }, more: Record<string, string> = {}): Record<string, string> {
  return { endpoint: row.endpoint, ...more }
}

async function families(
  deps: MonitoringDeps,
  monitors: readonly MonitorRow[],
  seen: (row: { endpoint: string }) => boolean,
): Promise<Family[]> {
  const { db } = deps
  const predictions = await db.all<{ endpoint: string; n: number }>(
    'SELECT endpoint, CAST(sum(rows) AS BIGINT) AS n FROM monitor_hours GROUP BY endpoint ORDER BY endpoint',
  )
  const times = (pick: (row: MonitorRow) => number | null): Sample[] =>
    monitors.flatMap((row) => {
      const value = pick(row)
      return value === null ? [] : [{ labels: of(row), value: value / 1000 }]
    })
  return [
    {
      name: 'slipway_predictions_total',
      type: 'counter',
      help: 'Answered predictions that the monitor counted.',
      samples: predictions.filter(seen).map((row) => ({ labels: of(row), value: row.n })),
    },
    {
      name: 'slipway_feature_drift_ratio',
      type: 'gauge',
      help: 'Largest check of a feature in the newest window, as a multiple of its limit.',
      samples: await findingsSeries(db, monitors),
    },
    {
      name: 'slipway_label_coverage_ratio',
      type: 'gauge',
      help: 'Share of the predictions of the last 7 days of event time whose label is known.',
      samples: await labelCoverage(db, monitors),
    },
    {
      name: 'slipway_monitor_last_success_timestamp_seconds',
      type: 'gauge',
      help: 'Wall time at which an hour was judged last; it stands still while hours cannot be judged.',
      samples: times((row) => row.last_run_at),
    },
    {
      name: 'slipway_monitor_evaluated_until_timestamp_seconds',
      type: 'gauge',
      help: 'End of the newest hour of event time that was judged, none before it being about to be judged again.',
      samples: times((row) => {
        const hour = settledHour(row)
        return hour === null ? null : hour * HOUR_MS
      }),
    },
    {
      name: 'slipway_monitor_untimely_rows_total',
      type: 'counter',
      help: 'Rows that came after their hour was judged (late: it is judged again; too_late: it is not), or with a time ahead of the clock (ahead).',
      samples: monitors.flatMap((row) => [
        { labels: of(row, { kind: 'late' }), value: row.late_rows },
        { labels: of(row, { kind: 'too_late' }), value: row.too_late_rows },
        { labels: of(row, { kind: 'ahead' }), value: row.ahead_rows },
      ]),
    },
    ...(await incidentFamilies(db, seen)),
  ]
}

/** Incidents, their causes, and what their webhooks take. */
async function incidentFamilies(db: Db, seen: (row: { endpoint: string }) => boolean): Promise<Family[]> {
  const open = await db.all<{ endpoint: string; severity: string; n: number }>(
    "SELECT endpoint, severity, count(*) AS n FROM incidents WHERE state <> 'resolved' GROUP BY endpoint, severity ORDER BY endpoint, severity",
  )
  const opened = await db.all<{ endpoint: string; kind: string; n: number }>(
    'SELECT endpoint, kind, count(*) AS n FROM incidents GROUP BY endpoint, kind ORDER BY endpoint, kind',
  )
  const routes = (await namedRoutes(db)).filter(seen)
  return [
    {
      name: 'slipway_incidents_open',
      type: 'gauge',
      help: 'Incidents that are not resolved.',
      samples: open.filter(seen).map((row) => ({ labels: of(row, { severity: row.severity }), value: row.n })),
    },
    {
      name: 'slipway_incident_causes_open',
      type: 'gauge',
      help: 'Causes of open incidents that have not ended.',
      samples: (await openCauses(db)).filter(({ labels }) => seen({ endpoint: labels['endpoint'] ?? '' })),
    },
    {
      name: 'slipway_messages',
      type: 'gauge',
      help: 'Messages about incidents that wait for their webhook, and those that were given up.',
      samples: routes.flatMap((row) =>
        (['waiting', 'dead'] as const).map((state) => ({
          labels: of(row, { webhook: row.route, state }),
          value: row[state],
        })),
      ),
    },
    {
      name: 'slipway_webhook_failing',
      type: 'gauge',
      help: '1 = the webhook takes no messages.',
      samples: routes.map((row) => ({ labels: of(row, { webhook: row.route }), value: isFailing(row) ? 1 : 0 })),
    },
    {
      name: 'slipway_incidents_opened_total',
      type: 'counter',
      help: 'Incidents that were ever opened.',
      samples: opened.filter(seen).map((row) => ({ labels: of(row, { kind: row.kind }), value: row.n })),
    },
  ]
}
