/** Queries of data sets: what the server is asked, and under which keys the answers are kept. */
import type { dataSetsApi } from '../../src/contract/data/sets.ts'
import type { Reply } from '../../src/contract/route.ts'
import { get } from './get.ts'

export type DataSetRow = Reply<typeof dataSetsApi.listDataSets>['items'][number]
export type OneDataSet = Reply<typeof dataSetsApi.getDataSet>
export type DataSetVersion = Reply<typeof dataSetsApi.getDataVersion>
export type DataDifference = NonNullable<Reply<typeof dataSetsApi.compareData>['diff']>

export const dataSets = get<typeof dataSetsApi.listDataSets>(['data-sets', 'list'], '/v1/data-sets', {
  query: { limit: 1000 },
})
export const dataSet = (name: string, project: string | undefined) =>
  get<typeof dataSetsApi.getDataSet>(['data-sets', 'one', name, project ?? ''], '/v1/data-sets/:name', {
    params: { name },
    query: { project },
  })

export type FoundVersion = Reply<typeof dataSetsApi.findDataVersions>['items'][number]

/** Digests that one request asks for. */
const ASKED = 100

/** Which versions hold these contents; nothing is asked without any. */
export const versionsOfContent = (digests: readonly string[]) => {
  const digest = [...new Set(digests)].toSorted().slice(0, ASKED)
  const found = get<typeof dataSetsApi.findDataVersions>(['data-sets', 'content', digest], '/v1/data-versions', {
    query: { digest },
  })
  return { ...found, enabled: digest.length > 0, staleTime: 60_000 }
}

interface OfDataSet {
  readonly name: string
  readonly project: string
  readonly version: number
}

const versionPath = ({ name, version }: OfDataSet) => ({ name, version: String(version) })
export const dataVersion = (of: OfDataSet) =>
  get<typeof dataSetsApi.getDataVersion>(
    ['data-sets', 'version', of.project, of.name, of.version],
    '/v1/data-sets/:name/versions/:version',
    { params: versionPath(of), query: { project: of.project } },
  )
export const dataDiff = (before: OfDataSet, after: OfDataSet) => ({
  ...get<typeof dataSetsApi.compareData>(
    ['data-sets', 'diff', before.project, before.name, before.version, after.version],
    '/v1/data-sets/:name/versions/:version/diff',
    { params: versionPath(before), query: { project: before.project, to: String(after.version) } },
  ),
  // large tables are compared for a while
  refetchInterval: (query: { readonly state: { readonly data?: { readonly state: string } | undefined } }) =>
    query.state.data?.state === 'comparing' ? 2000 : false,
})
