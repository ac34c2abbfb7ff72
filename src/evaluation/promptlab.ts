/** Runs of MLflow's prompt form: what was asked of a language model, with which settings, and what it answered. */
import type { Principal } from '../contract/access.ts'
import { logBatch } from '../tracking/batches/batch.ts'
import type { Param } from '../tracking/context/pairs.ts'
import { tagFields, tagsOf } from '../mlflow/fields.ts'
import { int, list, text } from '../mlflow/input.ts'
import { getRun } from '../tracking/searches/read.ts'
import { fullPathOfRun } from '../tracking/artifacts/run-files.ts'
import { createRun, updateRun } from '../tracking/runs/runs.ts'
import { putArtifact } from '../tracking/artifacts/artifacts.ts'
import { putSuiteFile } from '../tracking/context/suite-place.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { callsOf } from '../mlflow/rpc.ts'
import type { Rpc } from '../mlflow/rpc.ts'
import { invalid } from '../mlflow/wire.ts'
import type { Tag } from '../tracking/context/pairs.ts'

/** The file that MLflow's evaluation view reads. */
const TABLE = 'eval_results_table.json'

const NEEDED = ['experiment_id', 'prompt_template', 'prompt_parameters', 'model_route', 'model_input', 'mlflow_version']

export function promptlabCalls(room: Tracking): Rpc[] {
  return [
    callsOf('runs').write.post('runs/create-promptlab-run', 'Make a finished run of one call of a language model', {
      fields: {
        experiment_id: text({ number: true }),
        run_name: text(),
        tags: list(tagFields),
        prompt_template: text(),
        prompt_parameters: list(tagFields),
        model_route: text(),
        model_parameters: list(tagFields),
        model_input: text(),
        model_output: text(),
        model_output_parameters: list(tagFields),
        mlflow_version: text(),
        user_id: text(),
        start_time: int(),
      },
      handle: async (given, who) => {
        for (const name of NEEDED) {
          const value = given[name as keyof typeof given]
          const absent = value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
          if (absent) throw invalid(`CreatePromptlabRun request must specify ${name}.`)
        }
        const made = {
          experiment_id: given.experiment_id ?? '',
          run_name: given.run_name,
          user_id: given.user_id,
          start_time: given.start_time,
          tags: tagsOf(given.tags),
          template: given.prompt_template ?? '',
          variables: tagsOf(given.prompt_parameters),
          route: given.model_route ?? '',
          settings: tagsOf(given.model_parameters),
          input: given.model_input ?? '',
          output: given.model_output ?? '',
          measured: tagsOf(given.model_output_parameters),
        }
        return { run: await recordCall(room, who, made) }
      },
    }),
  ]
}

interface ModelCall {
  readonly experiment_id: string
  readonly run_name: string | undefined
  readonly user_id: string | undefined
  readonly start_time: number | undefined
  readonly tags: readonly Tag[]
  readonly template: string
  readonly variables: readonly Param[]
  readonly route: string
  readonly settings: readonly Param[]
  readonly input: string
  readonly output: string
  readonly measured: readonly Param[]
}

async function recordCall(room: Tracking, who: Principal, call: ModelCall): Promise<object> {
  const { run_id, artifact_uri } = await createRun(room, who, call)
  await logBatch(room, who, run_id, {
    params: [
      ...call.settings,
      { key: 'model_route', value: call.route },
      { key: 'prompt_template', value: call.template },
    ],
    tags: [
      // Python's spacing: clients compare the text
      { key: 'mlflow.loggedArtifacts', value: `[{"path": "${TABLE}", "type": "table"}]` },
      { key: 'mlflow.runSourceType', value: 'PROMPT_ENGINEERING' },
    ],
  })
  const bytes = Buffer.from(JSON.stringify(tableOf(call)))
  const { digest } = await room.blobs.put(bytes)
  if (!(await putSuiteFile(room, artifact_uri, TABLE, digest))) {
    await putArtifact(room, who, await fullPathOfRun(room, who, run_id, TABLE), bytes)
  }
  await updateRun(room, who, { run_id, status: 'FINISHED', end_time: room.clock(), run_name: undefined })
  return getRun(room, who, run_id)
}

function tableOf(call: ModelCall): object {
  const columns = [...call.variables, { key: 'prompt', value: call.input }, { key: 'output', value: call.output }]
  const all = [...columns, ...call.measured]
  return { columns: all.map(({ key }) => key), data: [all.map(({ value }) => value)] }
}
