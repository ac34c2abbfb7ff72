/** The ci room: what a change did to the model, for the reports that continuous integration posts. */
import type { Mounted } from '../http/mount.ts'
import type { Changes } from '../pipelines/changes.ts'
import type { Endpoints } from '../serving/endpoints/endpoints.ts'
import type { ReportDeps } from './report/report.ts'
import { ciRoutes } from './routes.ts'

export interface CiRoomDeps extends Pick<ReportDeps, 'registry' | 'envs'> {
  /** Ports: runs and their commits; what versions answer with now. */
  readonly pipelines: { readonly changes: Changes }
  readonly serving: Pick<Endpoints, 'list'>
}

export interface CiRoom {
  readonly routes: readonly Mounted[]
}

export function ciRoom({ pipelines, serving, ...deps }: CiRoomDeps): CiRoom {
  return {
    routes: ciRoutes({
      ...deps,
      changes: pipelines.changes,
      async latencyOf(project, model, version) {
        const endpoints = await serving.list(project)
        const variants = endpoints.filter((one) => one.model === model).flatMap((one) => one.variants)
        return variants.find((one) => one.version === version && one.stats?.p95_ms != null)?.stats?.p95_ms ?? null
      },
    }),
  }
}
