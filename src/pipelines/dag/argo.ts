/** A workflow template of Argo Workflows: a DAG of containers. */
import { stringify } from 'yaml'
import { commonNotes, END, kubernetesName, OLD_YAML, type Dag, type Laid, type Task } from './laid.ts'

export function argoDag(laid: Laid): Dag {
  const { project, version, url, image, tasks, last, program } = laid
  const name = kubernetesName(project)
  const workflow = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'WorkflowTemplate',
    metadata: { name, annotations: { 'slipway/version': version } },
    spec: {
      entrypoint: 'pipeline',
      arguments: { parameters: [{ name: 'params', value: '{}', description: 'JSON of params of the pipeline' }] },
      templates: [
        {
          name: 'pipeline',
          dag: { tasks: [...tasks.map(taskOf), taskOf({ ...BARE, id: END, step: '', needs: last })] },
        },
        ...[...new Set(tasks.map(templateName))].map((template) => {
          const one = tasks.find((task) => templateName(task) === template) ?? BARE
          return { ...container({ program, image, version, url }, one), name: template }
        }),
        ...(tasks.some((task) => templateName(task) === 'step')
          ? []
          : [container({ program, image, version, url }, BARE)]),
      ],
    },
  }
  return {
    file: `${name}.argo.yaml`,
    text: stringify(workflow, OLD_YAML),
    notes: [
      'Apply it, and make the secret: kubectl create secret generic slipway --from-literal=token=TOKEN.',
      ...commonNotes(laid),
    ],
  }
}

const BARE: Task = { step: '', id: END, needs: [], cpus: null, memory_bytes: null, gpus: 0 }

/** Steps that ask for the same share a template. */
function templateName({ cpus, memory_bytes }: Task): string {
  const parts = [cpus === null ? '' : `-${cpus}cpu`, memory_bytes === null ? '' : `-${mebibytes(memory_bytes)}mi`]
  return `step${parts.join('')}`
}

function taskOf(task: Task): object {
  const { id, step, needs } = task
  return {
    name: id.replaceAll('_', '-'),
    template: templateName(task),
    ...(needs.length > 0 && { dependencies: needs.map((need) => need.replaceAll('_', '-')) }),
    arguments: { parameters: [{ name: 'step', value: step }] },
  }
}

function container(job: Pick<Laid, 'program' | 'image' | 'version' | 'url'>, { cpus, memory_bytes }: Task): object {
  const asked = {
    ...(cpus !== null && { cpu: String(cpus) }),
    ...(memory_bytes !== null && { memory: `${mebibytes(memory_bytes)}Mi` }),
  }
  return {
    name: 'step',
    inputs: { parameters: [{ name: 'step' }] },
    container: {
      image: job.image,
      command: ['python3', '-c', job.program],
      args: [job.version, '{{inputs.parameters.step}}'],
      env: [
        { name: 'SLIPWAY_URL', value: job.url },
        { name: 'SLIPWAY_TOKEN', valueFrom: { secretKeyRef: { name: 'slipway', key: 'token' } } },
        { name: 'SLIPWAY_RUN', value: 'argo {{workflow.uid}}' },
        { name: 'SLIPWAY_PARAMS', value: '{{workflow.parameters.params}}' },
        // what is skipped is decided by Slipway; the tasks behind it ask for themselves
        { name: 'SLIPWAY_SKIPPED', value: '0' },
      ],
      ...(Object.keys(asked).length > 0 && { resources: { requests: asked, limits: asked } }),
    },
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 ** 2)
}
