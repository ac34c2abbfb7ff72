/** The ci room: what a change did to the model, for the reports that continuous integration posts. */
import type { Mounted } from '../http/mount.ts'
import type { Changes } from '../pipelines/changes.ts'
import { Comparisons } from '../registry/gates/change.ts'
import type { Endpoints } from '../serving/endpoints/endpoints.ts'
import { mergeTimes } from './merges.ts'
import type { MergesDeps } from './merges.ts'
import type { ReportDeps } from './report/report.ts'
import { ciRoutes } from './routes.ts'

export interface CiRoomDeps extends Pick<ReportDeps, 'registry' | 'envs'> {
  /** Ports: runs and their commits; what versions answer with now. */
  readonly pipelines: { readonly changes: Changes } & Pick<MergesDeps, 'mergeRuns'>
  readonly serving: Pick<Endpoints, 'list'>
  /** Port: what differs between two trees. */
  readonly data: Pick<ReportDeps, 'treeDiffs'>
  /** Port: what was promoted. */
  readonly rollout: Pick<MergesDeps, 'promotionsOf'>
}

export interface CiRoom {
  readonly routes: readonly Mounted[]
  /** Port: merges that were promoted, of a project; null = of all. */
  mergeTimes(project: string | null): ReturnType<typeof mergeTimes>
}

export function ciRoom({ pipelines, serving, rollout, data, ...deps }: CiRoomDeps): CiRoom {
  const merges: MergesDeps = {
    mergeRuns: (asked, limit) => pipelines.mergeRuns(asked, limit),
    promotionsOf: (models, since) => rollout.promotionsOf(models, since),
  }
  return {
    mergeTimes: (project) => mergeTimes(merges, { project }),
    routes: ciRoutes({
      ...deps,
      ...merges,
      changes: pipelines.changes,
      comparisons: new Comparisons(deps.registry),
      treeDiffs: data.treeDiffs,
      async latencyOf(project, model, version) {
        const endpoints = await serving.list(project)
        const variants = endpoints.filter((one) => one.model === model).flatMap((one) => one.variants)
        return variants.find((one) => one.version === version && one.stats?.p95_ms != null)?.stats?.p95_ms ?? null
      },
    }),
  }
}
