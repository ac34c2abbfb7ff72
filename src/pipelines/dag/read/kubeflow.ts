/** Reads the compiled form of a Kubeflow pipeline, the IR YAML of its SDK: tasks with their order, what they hand on, and params. */
import { LineCounter, parseAllDocuments, type Document } from 'yaml'
import { z } from 'zod'
import type { ForeignDag, ForeignFile, ForeignTask } from './foreign.ts'

const named = <T extends z.ZodType>(of: T) => z.record(z.string(), of)
const Value = z.looseObject({
  componentInputParameter: z.string().optional(),
  runtimeValue: z.looseObject({ constant: z.unknown().optional() }).optional(),
  taskOutputParameter: z.looseObject({ producerTask: z.string() }).optional(),
})
const Artifact = z.looseObject({
  componentInputArtifact: z.string().optional(),
  taskOutputArtifact: z.looseObject({ producerTask: z.string(), outputArtifactKey: z.string() }).optional(),
})
const Task = z.looseObject({
  dependentTasks: z.array(z.string()).default([]),
  inputs: z.looseObject({ parameters: named(Value).default({}), artifacts: named(Artifact).default({}) }).optional(),
  componentRef: z.looseObject({ name: z.string() }),
  retryPolicy: z.looseObject({ maxRetryCount: z.number().int().optional() }).optional(),
  triggerPolicy: z.looseObject({ condition: z.string().optional(), strategy: z.string().optional() }).optional(),
})
type Task = z.output<typeof Task>
const Tasks = z.looseObject({ tasks: named(Task) })
const Parameter = z.looseObject({
  parameterType: z.string(),
  defaultValue: z.unknown().optional(),
  isOptional: z.boolean().optional(),
  description: z.string().optional(),
})
const Io = z.looseObject({ artifacts: named(z.unknown()).default({}), parameters: named(z.unknown()).default({}) })
const Container = z.looseObject({
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  image: z.string().default(''),
})
const Pipeline = z.looseObject({
  pipelineInfo: z.looseObject({ name: z.string() }),
  root: z.looseObject({
    dag: Tasks,
    inputDefinitions: z.looseObject({ parameters: named(Parameter).default({}) }).optional(),
  }),
  components: named(
    z.looseObject({ dag: Tasks.optional(), executorLabel: z.string().optional(), outputDefinitions: Io.optional() }),
  ),
  deploymentSpec: z.looseObject({ executors: named(z.looseObject({ container: Container.optional() })).default({}) }),
})
type Pipeline = z.output<typeof Pipeline>

const DEEPEST = 20
const MOST_TASKS = 10_000
const MOST_SOURCE = 2000

/** The DAG of the file, or why it is none. */
export function readKubeflow(text: string): ForeignFile {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines })
  const document = Array.isArray(documents) ? documents[0] : undefined
  if (document === undefined) return { fault: 'it is empty' }
  const [error] = document.errors
  if (error !== undefined) return { fault: error.message.split('\n')[0] ?? 'it is no YAML' }
  const read = Pipeline.safeParse(document.toJS({ maxAliasCount: 100 }))
  if (!read.success) {
    const [issue] = read.error.issues
    return {
      fault: `it is no compiled pipeline of Kubeflow: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`,
    }
  }
  return { dags: [new Reading(read.data, (path) => lineOf(document, lines, path)).dag()], left: [] }
}

function lineOf(document: Document, lines: LineCounter, path: readonly string[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined
    // a value of several lines begins behind its key
    if (node?.range !== undefined)
      return Math.max(1, lines.linePos(node.range[0]).line - (depth === path.length ? 1 : 0))
  }
  return 1
}

/** Tasks of a DAG within: where they stand, and the tasks of all that is within it. */
interface Inner {
  readonly first: string[]
  readonly last: string[]
}

type Handed = Pick<ForeignTask, 'inputs' | 'values' | 'takes'>

/** Where a task stands: its path in the file, what the names of its group begin with, and the tasks beside it. */
interface Place {
  readonly path: readonly string[]
  readonly prefix: string
  readonly depth: number
  readonly siblings: Readonly<Record<string, Task>>
}

class Reading {
  readonly #pipeline: Pipeline
  readonly #lineOf: (path: readonly string[]) => number
  readonly #tasks: ForeignTask[] = []
  readonly #left: { line: number; what: string }[] = []

  constructor(pipeline: Pipeline, line: (path: readonly string[]) => number) {
    this.#pipeline = pipeline
    this.#lineOf = line
  }

  dag(): ForeignDag {
    const { pipelineInfo, root } = this.#pipeline
    this.#level(root.dag.tasks, { path: ['root', 'dag', 'tasks'], prefix: '', before: [], depth: 0 })
    const params = Object.entries(root.inputDefinitions?.parameters ?? {}).flatMap(([name, given]) =>
      this.#param(name, given),
    )
    const taken = new Set(params.map(({ name }) => name))
    for (const task of this.#tasks)
      for (const [argument, param] of Object.entries(task.takes)) if (!taken.has(param)) delete task.takes[argument]
    return {
      name: pipelineInfo.name,
      line: 1,
      cron: null,
      timezone: 'UTC',
      timeout_s: null,
      params,
      tasks: this.#tasks,
      left: this.#left.toSorted((a, b) => a.line - b.line),
    }
  }

  #leave(path: readonly string[], what: string): void {
    this.#left.push({ line: this.#lineOf(path), what })
  }

  /** Reads the tasks of one DAG; answers those that a task before or behind it is joined to. */
  #level(
    tasks: Readonly<Record<string, Task>>,
    at: { path: readonly string[]; prefix: string; before: readonly string[]; depth: number },
  ): Inner {
    const ends = new Map<string, Inner>()
    const open = new Map(Object.entries(tasks))
    while (open.size > 0) {
      const [name, task] = [...open].find(([, one]) => needsOf(one).every((need) => !open.has(need))) ?? []
      if (name === undefined || task === undefined) {
        this.#leave(at.path, `the tasks ${[...open.keys()].join(', ')} wait for one another`)
        break
      }
      open.delete(name)
      const before = needsOf(task).flatMap((need) => ends.get(need)?.last ?? [])
      const needs = before.length > 0 ? [...new Set(before)] : [...at.before]
      ends.set(name, this.#task(name, task, { ...at, before: needs, path: [...at.path, name], siblings: tasks }))
    }
    const needed = new Set(Object.values(tasks).flatMap(needsOf))
    const whole = [...ends]
    return {
      first: whole.flatMap(([, { first }]) => first),
      last: whole.filter(([name]) => !needed.has(name)).flatMap(([, { last }]) => last),
    }
  }

  #task(name: string, task: Task, at: Place & { readonly before: readonly string[] }): Inner {
    const component = this.#pipeline.components[task.componentRef.name]
    this.#note(name, task, at.path)
    if (component?.dag !== undefined && at.depth < DEEPEST && this.#tasks.length < MOST_TASKS) {
      const path = ['components', task.componentRef.name, 'dag', 'tasks']
      const inner = this.#level(component.dag.tasks, {
        path,
        prefix: `${at.prefix}${name}.`,
        before: at.before,
        depth: at.depth + 1,
      })
      return inner.last.length > 0 ? inner : { first: [], last: [...at.before] }
    }
    const id = `${at.prefix}${name}`
    const container = this.#pipeline.deploymentSpec.executors[component?.executorLabel ?? '']?.container
    this.#tasks.push({
      id,
      line: this.#lineOf(at.path),
      kind: task.componentRef.name,
      source: sourceOf(container),
      needs: [...at.before],
      retries: task.retryPolicy?.maxRetryCount ?? null,
      timeout_s: null,
      ...this.#handed(id, task, at),
      outputs: Object.keys(component?.outputDefinitions?.artifacts ?? {}),
    })
    return { first: [id], last: [id] }
  }

  /** What a task gets: files of tasks beside it, constants, and params of the pipeline. */
  #handed(id: string, { inputs }: Task, at: Place): Handed {
    const handed: Handed = { inputs: {}, values: {}, takes: {} }
    for (const [name, value] of Object.entries(inputs?.parameters ?? {})) {
      if (value.runtimeValue?.constant !== undefined) handed.values[name] = value.runtimeValue.constant
      else if (value.componentInputParameter !== undefined && at.depth === 0)
        handed.takes[name] = value.componentInputParameter
      else
        this.#leave(
          [...at.path, 'inputs', 'parameters', name],
          `"${name}" of task "${id}" is a value of another task: hand it on as a file, by outputs and inputs`,
        )
    }
    for (const [name, artifact] of Object.entries(inputs?.artifacts ?? {})) {
      const from = this.#madeBeside(artifact, at)
      if (from !== undefined) handed.inputs[name] = from
      else
        this.#leave(
          [...at.path, 'inputs', 'artifacts', name],
          `"${name}" of task "${id}" comes from outside of its group: name its step and output in inputs`,
        )
    }
    return handed
  }

  /** The output of a task beside it that is no group. */
  #madeBeside(
    { taskOutputArtifact: made }: z.output<typeof Artifact>,
    at: Place,
  ): ForeignTask['inputs'][string] | undefined {
    const producer = made === undefined ? undefined : at.siblings[made.producerTask]
    if (made === undefined || producer === undefined) return undefined
    if (this.#pipeline.components[producer.componentRef.name]?.dag !== undefined) return undefined
    return { task: `${at.prefix}${made.producerTask}`, output: made.outputArtifactKey }
  }

  #note(name: string, task: Task, path: readonly string[]): void {
    const { triggerPolicy } = task
    if (triggerPolicy?.condition !== undefined)
      this.#leave(path, `"${name}" has a condition (${triggerPolicy.condition}): write it as \`when\` of its steps`)
    if (triggerPolicy?.strategy === 'ALL_UPSTREAM_TASKS_COMPLETED')
      this.#leave(path, `"${name}" runs also where a task before it has failed: a step does not`)
    if ('parameterIterator' in task || 'artifactIterator' in task)
      this.#leave(path, `"${name}" is run for each item of a list: write that as \`for_each\` of its steps`)
  }

  #param(name: string, given: z.output<typeof Parameter>): ForeignDag['params'] {
    const type = TYPES[given.parameterType]
    if (type === undefined) {
      this.#leave(
        ['root', 'inputDefinitions', 'parameters', name],
        `param "${name}": ${given.parameterType} is no type here`,
      )
      return []
    }
    return [
      {
        name,
        type,
        ...(given.defaultValue !== undefined && { default: given.defaultValue }),
        ...(given.description !== undefined && given.description !== '' && { help: given.description.slice(0, 500) }),
      },
    ]
  }
}

const TYPES: Readonly<Record<string, ForeignDag['params'][number]['type']>> = {
  STRING: 'string',
  NUMBER_INTEGER: 'int',
  NUMBER_DOUBLE: 'float',
  BOOLEAN: 'bool',
}

function needsOf({ dependentTasks, inputs }: Task): string[] {
  const values = Object.values(inputs?.parameters ?? {}).map(({ taskOutputParameter: made }) => made?.producerTask)
  const files = Object.values(inputs?.artifacts ?? {}).map(({ taskOutputArtifact: made }) => made?.producerTask)
  return [...new Set([...dependentTasks, ...values, ...files].filter((task) => task !== undefined))]
}

/** The function of a component that is one, else the command of its container. */
function sourceOf(container: z.output<typeof Container> | undefined): string {
  if (container === undefined) return ''
  const { command, args, image } = container
  const written = /^(?:@.*\n)*(?:async )?def .*/ms.exec(command.at(-1) ?? '')
  return (written?.[0] ?? `${image}: ${[...command, ...args].join(' ')}`).trim().slice(0, MOST_SOURCE)
}
