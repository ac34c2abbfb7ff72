/** The checkpoints of a step that are kept: what the server is asked. */
import type { checkpointsApi } from '../../../src/contract/pipelines/checkpoints.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type Kept = Reply<typeof checkpointsApi.listCheckpoints>['items'][number]

export const keptCheckpoints = (id: string, step: string) =>
  get<typeof checkpointsApi.listCheckpoints>(
    ['pipelines', 'checkpoints', id, step],
    '/v1/pipeline-runs/:id/steps/:step/checkpoints',
    { params: { id, step } },
  )
