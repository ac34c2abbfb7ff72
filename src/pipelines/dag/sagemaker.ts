/** A definition of Amazon SageMaker Pipelines: each step is a processing job. */
import { problem } from '../../contract/errors.ts'
import { awsJson, commonNotes, DEFAULT_IMAGE, END, kubernetesName, type Dag, type Laid, type Task } from './laid.ts'
import { words } from './packed.ts'

/** Characters of a word of a container, and of a variable's value. */
const MOST_LETTERS = 256
const MOST_WORDS = 100
/** Of a pipeline, unless AWS has raised it. */
const USUAL_STEPS = 50
/** The longest that SageMaker lets a processing job run: limits of time are the project file's. */
const LONGEST_S = 5 * 24 * 3600
const DISK_GB = 30

export function sagemakerDag(laid: Laid): Dag {
  const { project, version, image, tasks, last } = laid
  const definition = {
    Version: '2020-12-01',
    Metadata: { WrittenBy: 'slipway dag sagemaker', Project: project, PipelineVersion: version },
    Parameters: [
      { Name: 'RoleArn', Type: 'String' },
      { Name: 'ImageUri', Type: 'String', ...(image !== DEFAULT_IMAGE && { DefaultValue: image }) },
      { Name: 'InstanceType', Type: 'String', DefaultValue: 'ml.m5.large' },
      { Name: 'TokenSecret', Type: 'String', DefaultValue: 'slipway-token' },
      { Name: 'Params', Type: 'String', DefaultValue: '{}' },
    ],
    Steps: [...tasks.map((task) => step(laid, task)), step(laid, { ...LAST, needs: last })],
  }
  const name = kubernetesName(project)
  return {
    file: `${name}.sagemaker.json`,
    text: awsJson('a pipeline definition', definition),
    notes: [
      `Make the pipeline: aws sagemaker create-pipeline --pipeline-name ${name} --role-arn ROLE --pipeline-definition file://FILE`,
      'ImageUri is an image of ECR with python3 and boto3, as those of SageMaker are; RoleArn is the role of the jobs.',
      'Jobs read the token from the secret of Secrets Manager that TokenSecret names; RoleArn has to be allowed that.',
      `Params is JSON of at most ${MOST_LETTERS} characters; steps that ask for no cpu, memory or gpu run on InstanceType.`,
      ...(tasks.length >= USUAL_STEPS
        ? [`It has ${tasks.length + 1} steps: AWS takes ${USUAL_STEPS} unless it has raised your quota.`]
        : []),
      ...commonNotes(laid),
    ],
  }
}

/** A policy is of steps or of jobs. */
const LOST = [
  ['Step.SERVICE_FAULT', 'Step.THROTTLING'],
  ['SageMaker.JOB_INTERNAL_ERROR', 'SageMaker.CAPACITY_ERROR'],
]
const LAST: Task = { step: '', id: END, needs: [], cpus: null, memory_bytes: null, gpus: 0 }

function step(laid: Laid, task: Task): object {
  const needs = laid.tasks.filter(({ id }) => task.needs.includes(id)).map(({ step: name }) => name)
  return {
    Name: task.step === '' ? END : task.step,
    Type: 'Processing',
    ...(needs.length > 0 && { DependsOn: needs }),
    // a machine that is not given or is lost; what fails by its own fault is repeated by Slipway
    RetryPolicies: LOST.map((types) => ({ ExceptionType: types, IntervalSeconds: 30, BackoffRate: 2, MaxAttempts: 3 })),
    Arguments: {
      RoleArn: { Get: 'Parameters.RoleArn' },
      AppSpecification: {
        ImageUri: { Get: 'Parameters.ImageUri' },
        ContainerEntrypoint: ['python3'],
        ContainerArguments: commandOf(laid, task),
      },
      Environment: {
        SLIPWAY_URL: shortEnough('the address of the server', laid.url),
        // of this execution alone, in whichever account and region it is
        SLIPWAY_RUN: { Get: 'Execution.PipelineExecutionArn' },
        SLIPWAY_PARAMS: { Get: 'Parameters.Params' },
        SLIPWAY_TOKEN_SECRET: { Get: 'Parameters.TokenSecret' },
        // what is skipped is decided by Slipway; the jobs behind it ask for themselves
        SLIPWAY_SKIPPED: '0',
      },
      ProcessingResources: {
        ClusterConfig: { InstanceType: machineOf(task), InstanceCount: 1, VolumeSizeInGB: DISK_GB },
      },
      StoppingCondition: { MaxRuntimeInSeconds: LONGEST_S },
    },
  }
}

/** SageMaker has no secrets among its variables, so a job reads the token before all else. */
const WITH_TOKEN = `import os
if not os.environ.get("SLIPWAY_TOKEN"):
    import boto3
    os.environ["SLIPWAY_TOKEN"] = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["SLIPWAY_TOKEN_SECRET"])["SecretString"]
os.environ.pop("SLIPWAY_TOKEN_SECRET", None)
`
const FUTURE = 'from __future__ import annotations\n'

function commandOf({ program, version }: Laid, { step: name }: Task): string[] {
  // Python takes imports of the future at the beginning alone
  const whole = program.replace(FUTURE, '').replace(/^"""[\s\S]*?"""\n/, '')
  const command = [...words(`${FUTURE}${WITH_TOKEN}${whole}`, MOST_LETTERS), version, ...(name === '' ? [] : [name])]
  if (command.length <= MOST_WORDS) return command
  throw problem('unprocessable', {
    detail: `SageMaker takes ${MOST_WORDS} words of a command; the program of a task would be ${command.length}`,
  })
}

function shortEnough(what: string, value: string): string {
  if (value.length <= MOST_LETTERS) return value
  throw problem('unprocessable', {
    detail: `SageMaker takes ${MOST_LETTERS} characters of a variable; ${what} has ${value.length}`,
  })
}

/** Machines by size: name, cores, GiB of memory, GPUs. */
const MACHINES: readonly (readonly [string, number, number, number])[] = [
  ['ml.m5.large', 2, 8, 0],
  ['ml.m5.xlarge', 4, 16, 0],
  ['ml.m5.2xlarge', 8, 32, 0],
  ['ml.m5.4xlarge', 16, 64, 0],
  ['ml.m5.12xlarge', 48, 192, 0],
  ['ml.m5.24xlarge', 96, 384, 0],
  ['ml.g4dn.xlarge', 4, 16, 1],
  ['ml.g4dn.2xlarge', 8, 32, 1],
  ['ml.g4dn.4xlarge', 16, 64, 1],
  ['ml.g4dn.8xlarge', 32, 128, 1],
  ['ml.g4dn.16xlarge', 64, 256, 1],
  ['ml.g4dn.12xlarge', 48, 192, 4],
]

/** The smallest machine that has what a step asks for. */
function machineOf({ step: name, cpus, memory_bytes, gpus }: Task): object | string {
  if (cpus === null && memory_bytes === null && gpus === 0) return { Get: 'Parameters.InstanceType' }
  const memory = (memory_bytes ?? 0) / 1024 ** 3
  const fits = MACHINES.find(
    ([, cores, gib, cards]) => cores >= (cpus ?? 0) && gib >= memory && cards >= gpus && (gpus > 0 || cards === 0),
  )
  if (fits !== undefined) return fits[0]
  const asked = [
    ...(cpus === null ? [] : [`${cpus} cpus`]),
    ...(memory_bytes === null ? [] : [`${Math.ceil(memory)} GiB of memory`]),
    ...(gpus === 0 ? [] : [`${gpus} gpus`]),
  ].join(', ')
  throw problem('unprocessable', {
    detail: `step "${name}" asks for ${asked}, and none of the machines ${MACHINES.map(([type]) => type).join(', ')} has that`,
  })
}
