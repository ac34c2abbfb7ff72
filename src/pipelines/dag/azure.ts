/** A pipeline job of Azure Machine Learning: a command job a step, in order by an output that each hands on. */
import { stringify } from 'yaml'
import { commonNotes, END, OLD_YAML, type Dag, type Laid } from './laid.ts'

export function azureDag(laid: Laid): Dag {
  const { project, version, url, image, tasks, last, program } = laid
  const job = (step: string, needs: readonly string[]): object => ({
    type: 'command',
    display_name: step === '' ? 'end of the run' : step,
    command: [
      // a job knows the pipeline job by this variable alone: the expression `name` is its own name, and differs from job to job
      'export SLIPWAY_RUN="azure ${AZUREML_ROOT_RUN_ID:?names no run of Azure}"',
      // Azure writes an expression into the line as it is, quotes and all; its inputs are variables as well
      'export SLIPWAY_PARAMS="${AZUREML_PARAMETER_params:?names no params}"',
      `python3 -c "$SLIPWAY_PROGRAM" ${[version, step].filter((word) => word !== '').join(' ')}`,
      // Azure orders jobs by what they hand on: nothing but that the job has ended
      'mkdir -p ${{outputs.done}}',
    ].join(' && '),
    environment: { image },
    environment_variables: {
      SLIPWAY_URL: url,
      SLIPWAY_SKIPPED: '0',
      SLIPWAY_PROGRAM: program,
    },
    inputs: {
      params: '${{parent.inputs.params}}',
      ...Object.fromEntries(needs.map((need) => [`after_${need}`, `\${{parent.jobs.${need}.outputs.done}}`])),
    },
    outputs: { done: { type: 'uri_folder', mode: 'upload' } },
  })
  const pipeline = {
    $schema: 'https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json',
    type: 'pipeline',
    display_name: `slipway ${project}`,
    inputs: { params: '{}' },
    settings: { default_compute: 'azureml:cpu-cluster' },
    jobs: {
      ...Object.fromEntries(tasks.map(({ id, step, needs }) => [id, job(step, needs)])),
      [END]: job('', last),
    },
  }
  return {
    file: `slipway-${project}.azureml.yml`,
    text: stringify(pipeline, OLD_YAML),
    notes: [
      'Submit it: az ml job create --file FILE. Name your compute in settings.default_compute.',
      'Give the jobs SLIPWAY_TOKEN from the key vault of the workspace, as a variable of the compute or of the environment.',
      'Its input params is JSON.',
      ...commonNotes(laid),
    ],
  }
}
