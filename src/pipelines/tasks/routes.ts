/** The routes of tasks of foreign schedulers: a pipeline as their DAG, and what a task is to do. */
import { problem } from '../../contract/errors.ts'
import { tasksApi } from '../../contract/pipelines/tasks.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import type { Context } from '../context/context.ts'
import { visibleVersion } from '../context/wanted.ts'
import { writeDag } from '../dag/dag.ts'
import { requireRun } from '../run/runs.ts'
import { takeStep, type TaskDeps } from './take.ts'

/** `wake` is told of a run that was made. */
export function taskRoutes(context: Context, deps: TaskDeps & { readonly wake: (run: string) => void }): Mounted[] {
  return [
    mount(tasksApi.takeStep, async ({ params, body, who }) => {
      const tree = await requireRun(context, who, params.id)
      const taken = await takeStep(context, deps, who, tree, params.step, body.again)
      if (taken.state === 'moved') deps.wake(taken.run)
      return taken
    }),
    mount(tasksApi.exportDag, async ({ params, query, who }) => {
      const { id, spec } = await visibleVersion(context.deps.db, who, params.id)
      const url = query.url ?? deps.url()
      if (/['"`\\\s]/.test(`${url}${query.image ?? ''}`))
        throw problem('invalid_field', {
          field: 'query',
          value: url,
          expected: 'an address and an image without quotes',
        })
      return writeDag(query.tool, { version: id, spec, url, ...(query.image !== undefined && { image: query.image }) })
    }),
  ]
}
