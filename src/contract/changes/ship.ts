/** Taking to its endpoint what a run has registered, apart from the run: after its image was made, for example. */
import { may } from '../access.ts'
import { byId } from '../fields.ts'
import { PipelineRun } from '../pipelines.ts'
import { route } from '../route.ts'

export const shipApi = {
  shipRun: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/ship',
    summary:
      'Take the version that an ended run registered to its endpoint, as the run does with `deploy`; nothing changes where that was asked for',
    numerals: true,
    access: may('write', 'pipelines'),
    params: byId,
    reply: PipelineRun,
    errors: ['not_found', 'conflict'],
  }),
}
