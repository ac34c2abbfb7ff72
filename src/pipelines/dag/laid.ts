/** A pipeline as schedulers need it: tasks in their order, names that their languages allow, and the program that each task runs. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { problem } from '../../contract/errors.ts'
import { PACKAGE_DIR } from '../../isolation/plan.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

export interface DagJob {
  /** The id of the pipeline version; its tasks run no other. */
  readonly version: string
  readonly spec: PipelineSpec
  /** Where tasks reach this server. */
  readonly url: string
  /** Of the container in which a task runs. */
  readonly image?: string
}

export interface Task {
  /** The step's name. */
  readonly step: string
  /** The same as a name of Python and of most schedulers: letters, digits and underscores. */
  readonly id: string
  /** Ids of the tasks before it. */
  readonly needs: readonly string[]
  readonly cpus: number | null
  readonly memory_bytes: number | null
  readonly gpus: number
}

export interface Laid extends Omit<DagJob, 'image'> {
  readonly image: string
  readonly project: string
  /** Each behind those that it needs. */
  readonly tasks: readonly Task[]
  /** Ids of the tasks that no other needs. */
  readonly last: readonly string[]
  /** Python: what a task runs, with the version and the step as arguments. */
  readonly program: string
}

/** A file of a scheduler. */
export interface Dag {
  readonly file: string
  readonly text: string
  /** What whoever installs it has to do or know. */
  readonly notes: string[]
}

/** Has Python, and nothing else that is needed. */
export const DEFAULT_IMAGE = 'python:3.12-slim'

/** Throws `unprocessable` where two steps would have one name, and for partitions. */
export function laidOut({ spec, image = DEFAULT_IMAGE, ...job }: DagJob): Laid {
  refusePartitions(spec)
  const ids = new Map(spec.steps.map(({ name }) => [name, taskId(name)]))
  refuseSame(ids)
  const idOf = (name: string): string => ids.get(name) ?? name
  const tasks = inOrder(spec.steps).map(({ name, needs, cpus, memory_bytes, gpus = 0 }) => ({
    step: name,
    id: idOf(name),
    needs: needs.map(idOf),
    cpus,
    memory_bytes,
    gpus,
  }))
  const needed = new Set(tasks.flatMap(({ needs }) => needs))
  const last = tasks.filter(({ id }) => !needed.has(id)).map(({ id }) => id)
  const program = readFileSync(join(PACKAGE_DIR, 'slipway', 'remote', 'task.py'), 'utf8')
  return { ...job, spec, image, project: spec.project, tasks, last, program }
}

/** Letters that a name of Kubernetes may have where it is a label, too. */
const MOST_LETTERS = 63

/** The project as a name of Kubernetes. Where that changes or cuts it, a digest tells it from projects that come to the same. */
export function kubernetesName(project: string): string {
  const name = `slipway-${project.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`.replace(/-$/, '')
  if (name === `slipway-${project}` && name.length <= MOST_LETTERS) return name
  const digest = createHash('sha256').update(project).digest('hex').slice(0, 8)
  return `${name.slice(0, MOST_LETTERS - digest.length - 1).replace(/-$/, '')}-${digest}`
}

/** Bytes that AWS takes of a state machine, and of a pipeline of SageMaker. */
const MOST_DEFINITION = 1024 * 1024

/** The end of a run has a task of its own, of this name. */
export const END = 'slipway_end'

/** How YAML is written for who reads it as YAML 1.1: there a step `on` or `no` is a boolean, and `2026-01-01` a date, unless it is quoted. */
export const OLD_YAML = { lineWidth: 0, compat: 'yaml-1.1' } as const

function taskId(step: string): string {
  const id = step.replaceAll('-', '_')
  return /^\d/.test(id) ? `step_${id}` : id
}

/** A run that names no partition is of the newest: one that a scheduler repeats later would be of another than the first time. */
function refusePartitions({ partitions }: PipelineSpec): void {
  if (partitions === undefined) return
  const detail =
    'a pipeline with partitions cannot be written as a DAG: its tasks would not say of which partition they are; run it here by slipway backfill, a schedule or a trigger'
  throw problem('unprocessable', { detail })
}

function refuseSame(ids: ReadonlyMap<string, string>): void {
  const steps = Map.groupBy([...ids], ([, id]) => id.toLowerCase())
  for (const [id, named] of steps) {
    if (named.length === 1 && id !== END) continue
    const names = named.map(([name]) => `"${name}"`).join(' and ')
    const detail = `${names} cannot be written as a DAG: the task would be called "${id}", which is taken; rename a step`
    throw problem('unprocessable', { detail })
  }
}

/** Steps, each behind those that it needs; of those that could stand at a place the first of the project file. */
function inOrder(steps: readonly StepSpec[]): StepSpec[] {
  const placed: StepSpec[] = []
  const done = new Set<string>()
  while (placed.length < steps.length) {
    const next = steps.find(({ name, needs }) => !done.has(name) && needs.every((need) => done.has(need)))
    if (next === undefined) throw new Error('the steps of a compiled pipeline go in a circle')
    placed.push(next)
    done.add(next.name)
  }
  return placed
}

/**
 * A definition as JSON: indented for people, unless that makes it larger than AWS takes. Throws `unprocessable` where it is too large
 * all the same; `what` names it.
 */
export function awsJson(what: string, definition: object): string {
  const texts = [`${JSON.stringify(definition, null, 2)}\n`, JSON.stringify(definition)]
  const fitting = texts.find((text) => Buffer.byteLength(text) <= MOST_DEFINITION)
  if (fitting !== undefined) return fitting
  const size = Buffer.byteLength(texts[1] ?? '')
  throw problem('unprocessable', {
    detail: `AWS takes ${MOST_DEFINITION} bytes of ${what}; this would be ${size}, for each step has the program of a task`,
  })
}

/** What is true of every export whose tasks run steps. */
export function commonNotes(laid: Laid): string[] {
  return [
    'Tasks need SLIPWAY_TOKEN: a token of the role contributor for this project alone (page Settings, or POST /v1/tokens).',
    ...serverNotes(laid),
  ]
}

/** Of the server's address and schedule. */
export function serverNotes({ spec, url }: Pick<Laid, 'spec' | 'url'>): string[] {
  const { hostname } = new URL(url)
  return [
    ...(['127.0.0.1', 'localhost', '[::1]'].includes(hostname)
      ? [`The address ${url} is that of this machine alone; name one that tasks reach with --tasks-url.`]
      : []),
    ...(spec.schedule == null
      ? []
      : ['The project file has a schedule, by which Slipway starts runs too; remove it there if the scheduler is to.']),
  ]
}
