/** Tasks of foreign schedulers: a pipeline written as a DAG of theirs, and the route by which a task takes its step. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, name } from '../fields.ts'
import { route } from '../route.ts'

export const DAG_TOOLS = [
  'airflow',
  'kubeflow',
  'argo',
  'github',
  'step-functions',
  'sagemaker',
  'azure',
  'data-factory',
] as const
/** A scheduler whose DAG a pipeline can be written as. */
export type DagTool = (typeof DAG_TOOLS)[number]

/**
 * What a task is to do: run the attempt that it got, ask again, ask of the run in `run` from now on, or end: its step has succeeded (or its
 * result was taken from the cache), is skipped, or has failed.
 */
const TASK_STATES = ['run', 'wait', 'moved', 'succeeded', 'skipped', 'failed'] as const
const params = z.object({ id, step: name })

export const tasksApi = {
  takeStep: route({
    method: 'POST',
    path: '/v1/pipeline-runs/:id/steps/:step/take',
    summary:
      'For tasks of a foreign scheduler: what to do for a step of a run that was started with `on: external`, and the attempt to run where there is one',
    access: may('write', 'pipelines'),
    secret: { made: 'token of attempt', field: 'attempt' },
    params,
    body: z.object({
      again: z
        .boolean()
        .default(false)
        .describe(
          'the task was started anew: where its step has failed and the run has ended, the run is repeated once',
        ),
    }),
    reply: z.object({
      /** The run to ask of: another one where this one was repeated. */
      run: id,
      state: z.enum(TASK_STATES),
      /** In words, for the log of the task. */
      detail: z.string(),
      /** With `wait`: that the step had failed, and that its run is repeated once it has ended if the task goes on asking for that. */
      repeats: z.boolean(),
      attempt: z
        .object({
          id,
          /** With which the program of a node is started; one of them is a token for this attempt alone. */
          variables: z.record(z.string(), z.string()),
        })
        .nullable(),
    }),
    errors: ['not_found', 'conflict'],
  }),
  exportDag: route({
    method: 'GET',
    path: '/v1/pipelines/:id/dag',
    summary:
      'A pipeline version as a DAG of a foreign scheduler, whose tasks run its steps with cache and lineage here',
    access: may('read', 'pipelines'),
    params: z.object({ id }),
    query: z.object({
      tool: z.enum(DAG_TOOLS),
      image: z.string().min(1).max(512).optional().describe('of the container in which a task runs; it needs python3'),
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional()
        .describe('where tasks reach this server'),
    }),
    reply: z.object({
      file: z.string(),
      text: z.string(),
      /** What whoever installs it has to do or know. */
      notes: z.array(z.string()),
    }),
    errors: ['not_found', 'invalid_field', 'unprocessable'],
  }),
}
