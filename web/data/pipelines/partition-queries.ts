/** What the pages of partitions and backfills read. */
import type { backfillsApi } from '../../../src/contract/pipelines/backfills.ts'
import type { partitionsApi } from '../../../src/contract/pipelines/partitions.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type PartitionMatrix = Reply<typeof partitionsApi.getPartitionMatrix>
export type PartitionGroup = PartitionMatrix['groups'][number]
export type PartitionRow = Reply<typeof partitionsApi.listPartitions>['items'][number]
export type Backfill = Reply<typeof backfillsApi.getBackfill>

export const partitioned = get<typeof partitionsApi.listPartitioned>(
  ['pipelines', 'partitioned'],
  '/v1/partitioned-pipelines',
)
export const partitionMatrix = (project: string) =>
  get<typeof partitionsApi.getPartitionMatrix>(
    ['pipelines', 'partition-matrix', project],
    '/v1/partitioned-pipelines/:project',
    { params: { project } },
  )
export const partitionRows = (project: string, { from, to }: Pick<PartitionGroup, 'from' | 'to'>) =>
  get<typeof partitionsApi.listPartitions>(
    ['pipelines', 'partition-rows', project, from, to],
    '/v1/partitioned-pipelines/:project/partitions',
    { params: { project }, query: { from, to } },
  )
export const backfills = (project: string) =>
  get<typeof backfillsApi.listBackfills>(['pipelines', 'backfills', project], '/v1/backfills', {
    query: { project, limit: 10 },
  })
export const backfill = (id: string) =>
  get<typeof backfillsApi.getBackfill>(['pipelines', 'backfill', id], '/v1/backfills/:id', { params: { id } })
export const backfilledPartitions = (id: string, state: 'failed' | 'running') =>
  get<typeof backfillsApi.listBackfillPartitions>(
    ['pipelines', 'backfilled', id, state],
    '/v1/backfills/:id/partitions',
    { params: { id }, query: { state, limit: 100 } },
  )
