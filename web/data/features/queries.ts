/** Queries of features: definitions, joins and materialisations, and what is read from the online store. */
import { queryOptions } from '@tanstack/react-query'
import type { featuresApi } from '../../../src/contract/features/catalogue.ts'
import type { featureJobsApi, FeatureJob, FeatureJobKind } from '../../../src/contract/features/jobs.ts'
import type { lookUpApi } from '../../../src/contract/features/look-up.ts'
import type { onlineApi } from '../../../src/contract/features/online.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { callExact } from '../api.ts'
import { get } from '../get.ts'
import type { EntityRead } from './entity-row.ts'
import type { PastRead } from './past.ts'

export type Catalogue = Reply<typeof featuresApi.listFeatures>
export type ViewDetail = Reply<typeof featuresApi.getFeatureView>
export type ServiceDetail = Reply<typeof featuresApi.getFeatureService>
export type DefinitionVersion = ViewDetail['versions'][number]
export type FeatureDifference = Reply<typeof featuresApi.compareFeatures>['items'][number]
export type LookedUp = Reply<typeof lookUpApi.lookUpFeatures>
export type ReadFeatures = Reply<typeof onlineApi.readFeatures>

/** Absent = the project of who asks, else `default`. */
type Project = string | undefined

interface Definition {
  readonly project: Project
  readonly name: string
  /** Absent = the newest. */
  readonly version?: string | undefined
}

/** Projects that have features, by name. */
export const featureProjects = get<typeof featuresApi.listFeatureProjects>(
  ['features', 'projects'],
  '/v1/features/projects',
  {},
)

export const catalogue = (project: Project) =>
  get<typeof featuresApi.listFeatures>(['features', 'list', project ?? ''], '/v1/features', { query: { project } })

export const featureView = ({ project, name, version }: Definition) =>
  get<typeof featuresApi.getFeatureView>(
    ['features', 'view', project ?? '', name, version ?? ''],
    '/v1/features/views/:name',
    { params: { name }, query: { project, version } },
  )

export const featureService = ({ project, name, version }: Definition) =>
  get<typeof featuresApi.getFeatureService>(
    ['features', 'service', project ?? '', name, version ?? ''],
    '/v1/features/services/:name',
    { params: { name }, query: { project, version } },
  )

interface Compared extends Definition {
  readonly kind: 'views' | 'services'
  readonly from: number
  readonly to: number
}

export const featureDifferences = ({ kind, project, name, from, to }: Compared) =>
  get<typeof featuresApi.compareFeatures>(
    ['features', 'diff', kind, project ?? '', name, from, to],
    '/v1/features/:kind/:name/diff',
    { params: { kind, name }, query: { project, from: String(from), to: String(to) } },
  )

/** Between two looks at what is under way, ms. */
const PACE_MS = 2000

export function isUnderWay({ state }: Pick<FeatureJob, 'state'>): boolean {
  return state === 'waiting' || state === 'running'
}

interface Jobs {
  readonly project: Project
  readonly kind: FeatureJobKind
  /** Of a service or view; absent = of all. */
  readonly name?: string
  readonly limit?: number
}

/** Newest first; looked at again and again while one is under way. */
export const featureJobs = ({ project, kind, name, limit = 100 }: Jobs) => ({
  ...get<typeof featureJobsApi.listFeatureJobs>(
    ['features', 'jobs', project ?? '', kind, name ?? '', limit],
    '/v1/feature-jobs',
    { query: { project, kind, name, limit } },
  ),
  refetchInterval: (query: {
    readonly state: { readonly data?: Reply<typeof featureJobsApi.listFeatureJobs> | undefined }
  }) => (query.state.data?.items.some(isUnderWay) === true ? PACE_MS : false),
})

/** What the online store holds of one entity when it is asked: read again only when somebody wants it. */
export const entityFeatures = (asked: EntityRead | undefined) =>
  queryOptions({
    queryKey: ['feature-rows', JSON.stringify(asked ?? null)],
    queryFn: ({ signal }) =>
      callExact<typeof onlineApi.readFeatures>('POST', '/v1/features:read', {
        ...(asked !== undefined && { body: asked }),
        signal,
      }),
    enabled: asked !== undefined,
    staleTime: Infinity,
    refetchOnMount: 'always',
  })

/** What was seen of one entity at a moment, from the sources: it may take minutes, and ends where nobody waits for it any more. */
export const entityInThePast = (asked: PastRead | undefined) =>
  queryOptions({
    queryKey: ['feature-rows', 'past', JSON.stringify(asked ?? null)],
    queryFn: ({ signal }) =>
      callExact<typeof lookUpApi.lookUpFeatures>('POST', '/v1/features:look-up', {
        ...(asked !== undefined && { body: asked }),
        signal,
      }),
    enabled: asked !== undefined,
    staleTime: Infinity,
    retry: false,
  })
