/** The monitoring room: watches what endpoints answer, opens incidents and reacts to them. */
import type { Audit } from '../auth/audit.ts'
import type { Clock, Ids } from '../contract/ids.ts'
import type { Mounted } from '../http/mount.ts'
import type { Leases } from '../jobs/leases.ts'
import type { Worker } from '../jobs/worker.ts'
import type { LineageSource } from '../registry/versions/lineage.ts'
import type { Db } from '../store/db.ts'
import type { MonitoringDeps } from './context/context.ts'
import { labelsOf } from './labels/labels.ts'
import { incidentLineage } from './lineage.ts'
import { incidentsSince, type WantedIncidents } from './incidents/since.ts'
import { openMonitoring } from './monitoring.ts'
import type { Monitoring } from './monitoring.ts'
import { monitoringPorts } from './ports.ts'
import type { Neighbours } from './ports.ts'
import { pruneMonitors } from './prune.ts'
import type { Pruned } from './prune.ts'
import { monitoringRoutes } from './routes.ts'

export interface MonitoringRoomDeps
  extends
    Neighbours,
    Pick<
      MonitoringDeps,
      | 'findRuns'
      | 'stored'
      | 'mergeTimes'
      | 'credentials'
      | 'send'
      | 'seal'
      | 'pagesUrl'
      | 'random'
      | 'env'
      | 'changed'
      | 'onError'
      | 'log'
    > {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  readonly leases: Leases
  readonly worker: Worker
}

export interface MonitoringRoom {
  readonly routes: readonly Mounted[]
  /** Judges what is closed from now on, on one replica at a time. */
  start(): void
  stop(): Promise<void>
  /** Port: counts what is ingested, in the transaction that ingests it. */
  readonly hooks: Monitoring['hooks']
  /** Port: labels that are known already. */
  readonly labelsOf: typeof labelsOf
  /** Port: the incidents in the lineage of a version. */
  readonly lineage: LineageSource
  /** Port: incidents of an endpoint of a project since a time, for the triggers of pipelines. */
  readonly incidentsSince: (of: WantedIncidents) => ReturnType<typeof incidentsSince>
  /** Port: removes what monitors of deleted endpoints keep. */
  prune(): Promise<Pruned>
}

export function monitoringRoom({ leases, worker, ...deps }: MonitoringRoomDeps): MonitoringRoom {
  const { db, clock } = deps
  const monitoring = openMonitoring({ ...deps, ...monitoringPorts(deps) }, leases, worker)
  return {
    routes: monitoringRoutes(monitoring),
    start: () => monitoring.start(),
    stop: () => monitoring.stop(),
    hooks: monitoring.hooks,
    labelsOf,
    lineage: incidentLineage(db),
    incidentsSince: (of) => incidentsSince(db, of),
    prune: () => pruneMonitors(db, clock()),
  }
}
