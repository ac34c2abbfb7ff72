/** A wandb run as rows of Slipway's tables. */
import { LIMITS } from '../../mlflow/limits.ts'
import { pythonJson } from '../../traces/spans/values.ts'
import type { Value } from '../../traces/spans/values.ts'
import type { Row } from '../../store/db.ts'
import type { Rows } from '../mlflow/runs.ts'
import { addPoint, latestRows } from '../summary.ts'
import type { Point, Summaries } from '../summary.ts'
import type { Names } from './names.ts'
import { historyOf, recordsOf } from './scan.ts'
import type { RunFacts } from './scan.ts'
import { leavesOf, metricOf } from './tree.ts'

/** Points held at once. */
const PAGE = 20_000

/** A run with what it is called here. */
export interface WandbRun {
  readonly files: readonly string[]
  readonly facts: RunFacts
  readonly wandb_id: string
  readonly run_id: string
  readonly experiment_id: string
  readonly names: Names
}

/** The run's own row, its params and tags, then its points and what they come to. */
export async function* wandbRows(run: WandbRun): AsyncGenerator<Rows> {
  const { facts, run_id, names } = run
  yield ['runs', [runRow(run)]]
  const params = [...leavesOf(facts.config)].filter(([name]) => !name.startsWith('_wandb'))
  yield ['run_params', params.map(([name, value]) => ({ run_id, key: names.of(name), value: paramText(value) }))]
  const tags = Object.entries(tagsOf(run))
  yield ['run_tags', tags.map(([key, value]) => ({ run_id, key: names.of(key), value: clean(value, LIMITS.tag) }))]
  const summaries: Summaries = new Map()
  let page: Point[] = []
  for await (const point of pointsOf(run)) {
    addPoint(summaries, point)
    page.push(point)
    if (page.length < PAGE) continue
    yield ['metric_points', page.map((one) => ({ run_id, ...one }))]
    page = []
  }
  if (page.length > 0) yield ['metric_points', page.map((one) => ({ run_id, ...one }))]
  yield ['latest_metrics', latestRows(summaries, run_id, run.experiment_id)]
}

function runRow({ facts, wandb_id, run_id, experiment_id }: WandbRun): Row {
  const [start, end] = timesOf(facts)
  return {
    run_id,
    experiment_id,
    project: 'default',
    run_name: facts.run.name ?? wandb_id,
    user_id: facts.environment.username ?? '',
    status: facts.exit?.code === 0 ? 'FINISHED' : 'FAILED',
    start_time: start,
    end_time: end,
    artifact_uri: `mlflow-artifacts:/${experiment_id}/${run_id}/artifacts`,
    lifecycle_stage: 'active',
    deleted_time: null,
    heartbeat_at: end,
  }
}

/** When a run began and ended, ms since 1970: by its exit's count of seconds, or the last time that it named, whichever is later. */
export function timesOf(facts: RunFacts): [start: number, end: number] {
  const start = facts.run.start ?? facts.start ?? 0
  return [start, Math.max(facts.end ?? start, start + (facts.exit?.seconds ?? 0) * 1000)]
}

function tagsOf({ facts, wandb_id }: WandbRun): Record<string, string> {
  const { run, environment, exit } = facts
  const commit = run.commit ?? environment.commit
  const remote = run.remote ?? environment.remote
  const given: Record<string, string | undefined> = {
    'mlflow.runName': run.name ?? wandb_id,
    'mlflow.note.content': run.notes,
    'mlflow.user': environment.username,
    'mlflow.source.name': environment.program,
    'mlflow.source.git.commit': commit,
    'mlflow.source.git.repoURL': remote,
    'wandb.id': wandb_id,
    'wandb.entity': run.entity,
    'wandb.project': run.project,
    'wandb.group': run.group,
    'wandb.job_type': run.job_type,
    'wandb.sweep': run.sweep,
    'wandb.host': run.host ?? environment.host,
    'wandb.os': environment.os,
    'wandb.python': environment.python,
    'wandb.gpu': environment.gpu,
    'wandb.args': environment.args === undefined ? undefined : JSON.stringify(environment.args),
    'wandb.exit': exit === undefined ? 'none: the record ends before the run did' : String(exit.code),
  }
  for (const tag of run.tags ?? []) given[`wandb.tag.${tag}`] = 'true'
  for (const [name, value] of summaryLeft(facts)) {
    if (metricOf(value) === undefined) given[`wandb.summary.${name}`] = paramText(value)
  }
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** What the summary says beyond the history: text, numbers that were never logged, and those whose last logged value is another. */
function* summaryLeft(facts: RunFacts): Generator<readonly [name: string, value: Value]> {
  for (const [name, value] of leavesOf(facts.summary)) {
    const isOwn = /^_(wandb|step|timestamp|runtime)\b/.test(name)
    const number = metricOf(value)
    const isSaid = number === undefined ? value instanceof Map : Object.is(facts.last.get(name), number)
    if (!isOwn && !isSaid) yield [name, value]
  }
}

async function* pointsOf({ files, facts, names }: WandbRun): AsyncGenerator<Point> {
  let samples = 0
  for await (const record of recordsOf(files)) {
    if (record.kind === 'history') {
      const { step, time, metrics } = historyOf(record)
      const at = { step: Number(step), timestamp: time }
      for (const [name, value] of metrics) yield point(names.of(name), at, value)
    } else if (record.kind === 'stats') {
      for (const { path, value } of record.items) {
        const number = metricOf(value)
        const at = { step: samples, timestamp: record.time }
        if (number !== undefined) yield point(names.of(`system/${path.join('.')}`), at, number)
      }
      samples++
    }
  }
  const [, timestamp] = timesOf(facts)
  for (const [name, value] of summaryLeft(facts)) {
    const number = metricOf(value)
    const key = facts.last.has(name) ? `summary/${name}` : name
    if (number !== undefined) yield point(names.of(key), { step: facts.lastStep, timestamp }, number)
  }
}

function point(key: string, at: { step: number; timestamp: number }, value: number): Point {
  const isNaN = Number.isNaN(value)
  const bounded = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
  return { key, ...at, value: isNaN ? 0 : bounded, is_nan: isNaN ? 1 : 0 }
}

/** A value as MLflow's client would log it: scalars in Python's words, the rest as JSON. */
function paramText(value: Value): string {
  const words = new Map<Value, string>([
    [true, 'True'],
    [false, 'False'],
    [null, 'None'],
  ])
  return clean(words.get(value) ?? (typeof value === 'string' ? value : pythonJson(value)), LIMITS.param)
}

function clean(text: string, limit: number): string {
  return text.replaceAll('\0', '\ufffd').slice(0, limit)
}
