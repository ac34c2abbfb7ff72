/** A state machine of AWS Step Functions, in the States Language: each step is a task of ECS that is waited for. */
import { problem } from '../../contract/errors.ts'
import { awsJson, commonNotes, END, type Dag, type Laid, type Task } from './laid.ts'
import { shortened } from './packed.ts'

/** What ECS takes of overrides, in characters. */
const MOST_OVERRIDES = 8192

export function stepFunctionsDag(laid: Laid): Dag {
  const { project, version } = laid
  const levels = levelsOf(laid.tasks)
  const states = levels.map((tasks, at) => [nameOf(at), level(laid, tasks, at + 1)] as const)
  const end = task(laid, { step: '', id: END, needs: [], cpus: null, memory_bytes: null, gpus: 0 })
  const machine = {
    Comment: `Pipeline ${project} of Slipway, version ${version}`,
    StartAt: nameOf(0),
    States: { ...Object.fromEntries(states), [nameOf(levels.length)]: { ...end, End: true } },
  }
  return {
    file: `slipway-${project}.asl.json`,
    text: awsJson('a state machine', machine),
    notes: [
      'Its input names where tasks run: {"cluster": ARN, "task_definition": ARN, "subnets": [ID], "params": "{}"}.',
      `The task definition has a container called "slipway" with python3 (${laid.image} does), and SLIPWAY_TOKEN from Secrets Manager.`,
      'Steps of one depth run together, and the next depth begins when all of them have ended.',
      ...commonNotes(laid),
    ],
  }

  function nameOf(at: number): string {
    return at === levels.length ? 'End of the run' : `Depth ${at + 1}`
  }

  function level(job: Laid, tasks: readonly Task[], next: number): object {
    const branches = tasks.map((one) => ({
      StartAt: one.step,
      States: { [one.step]: { ...task(job, one), End: true } },
    }))
    // what the branches answer is not needed: the input goes on
    return { Type: 'Parallel', Branches: branches, ResultPath: null, Next: nameOf(next) }
  }
}

/** Tasks by their depth: the longest way to one from a task that needs none. */
function levelsOf(tasks: readonly Task[]): Task[][] {
  const depth = new Map<string, number>()
  for (const { id, needs } of tasks) depth.set(id, 1 + Math.max(-1, ...needs.map((need) => depth.get(need) ?? 0)))
  const levels = Map.groupBy(tasks, ({ id }) => depth.get(id) ?? 0)
  return [...levels.keys()].sort((a, b) => a - b).map((at) => levels.get(at) ?? [])
}

function task({ version, url, program }: Laid, { step, cpus, memory_bytes }: Task): object {
  const container = {
    Name: 'slipway',
    Command: ['python3', '-c', shortened(program), version, ...(step === '' ? [] : [step])],
    Environment: [
      { Name: 'SLIPWAY_URL', Value: url },
      { Name: 'SLIPWAY_RUN', 'Value.$': '$$.Execution.Id' },
      { Name: 'SLIPWAY_PARAMS', 'Value.$': '$.params' },
      { Name: 'SLIPWAY_SKIPPED', Value: '0' },
    ],
    ...(cpus !== null && { Cpu: Math.ceil(cpus * 1024) }),
    ...(memory_bytes !== null && { Memory: Math.ceil(memory_bytes / 1024 ** 2) }),
  }
  const size = JSON.stringify(container).length
  if (size > MOST_OVERRIDES)
    throw problem('unprocessable', {
      detail: `ECS takes ${MOST_OVERRIDES} characters of overrides; this would be ${size}`,
    })
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::ecs:runTask.sync',
    Parameters: {
      LaunchType: 'FARGATE',
      'Cluster.$': '$.cluster',
      'TaskDefinition.$': '$.task_definition',
      NetworkConfiguration: { AwsvpcConfiguration: { 'Subnets.$': '$.subnets', AssignPublicIp: 'ENABLED' } },
      Overrides: { ContainerOverrides: [container] },
    },
    // a machine that is lost; what fails by its own fault is repeated by Slipway
    Retry: [{ ErrorEquals: ['ECS.AmazonECSException', 'ECS.ServerException'], MaxAttempts: 3, IntervalSeconds: 10 }],
  }
}
