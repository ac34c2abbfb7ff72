/** The native API of tracking, which the web UI and the CLI use. */
import type { z } from 'zod'
import type { Principal } from '../contract/access.ts'
import { toTime } from '../contract/fields.ts'
import { trackingApi } from '../contract/tracking.ts'
import type { Experiment as WireExperiment, Run, RunInfo, RunRow as WireRunRow } from '../contract/tracking.ts'
import { mount } from '../http/mount.ts'
import type { Mounted } from '../http/mount.ts'
import { artifactFiles } from './artifacts/artifacts.ts'
import { downsample } from './metrics/downsample.ts'
import { searchExperiments } from './experiments/search.ts'
import type { View } from './experiments/search.ts'
import type { Tag } from './context/pairs.ts'
import type { Experiment } from './experiments/experiments.ts'
import { wireValue } from './context/points.ts'
import { readRuns } from './searches/read.ts'
import type { WireRun } from './searches/read.ts'
import { searchRuns } from './searches/search.ts'
import { requireRun } from './runs/runs.ts'
import type { RunRow } from './runs/runs.ts'
import type { Tracking } from './context/context.ts'
import { inList, sql } from '../store/sql/sql.ts'
import { numbersOf } from '../store/reads/columns.ts'

const VIEW = { active: 'ACTIVE_ONLY', deleted: 'DELETED_ONLY', all: 'ALL' } as const satisfies Record<string, View>
const CONTEXT_TAG = 'mlflow.data.context'

export function nativeRoutes(room: Tracking): Mounted[] {
  return [
    mount(trackingApi.listExperiments, async ({ query, who }) => {
      const { limit, view, ...rest } = query
      const asked = { ...rest, view_type: VIEW[view], max_results: limit }
      const { experiments, ...more } = await searchExperiments(room, who, asked)
      return { items: experiments.map(experimentOf), ...more }
    }),
    mount(trackingApi.listRuns, async ({ query, who }) => {
      const { rows, ...more } = await searchRuns(room, who, {
        experiment_ids: query.experiment_id ?? [],
        filter: query.filter,
        order_by: query.order_by ?? [],
        view: VIEW[query.view],
        max_results: query.limit,
        page_token: query.page_token,
        everywhere: true,
      })
      const columns = { metrics: query.metrics ?? [], params: query.params ?? [], tags: query.tags ?? [] }
      return { items: await tableRows(room, rows, columns), ...more }
    }),
    mount(trackingApi.compareRuns, async ({ query, who }) => compareRuns(room, who, query.ids)),
    mount(trackingApi.getRun, async ({ params, who }) => wholeRun(room, await requireRun(room.db, who, params.id))),
    mount(trackingApi.getRunMetrics, async ({ params, query, who }) => {
      await requireRun(room.db, who, params.id)
      return curve(room, params.id, query.key, query.max_points)
    }),
  ]
}

/** A metric's history by step, with no more than so many points. */
async function curve(room: Tracking, runId: string, key: string, most: number) {
  const columns = await room.db.searchColumns({
    text: 'SELECT step, timestamp, value, is_nan FROM metric_history WHERE run_id = ? AND key = ? ORDER BY step, timestamp, value',
    params: [runId, key],
  })
  const [steps, times] = [numbersOf(columns, 'step'), numbersOf(columns, 'timestamp')]
  const [values, nan] = [numbersOf(columns, 'value'), numbersOf(columns, 'is_nan')]
  const point = (at: number) => ({
    step: steps[at] as number,
    at: timeOf(times[at] as number),
    value: wireValue({ value: values[at] as number, is_nan: nan[at] as number }),
  })
  return { key, total: columns.count, points: downsample({ values, nan }, most).map(point) }
}

interface Columns {
  readonly metrics: readonly string[]
  readonly params: readonly string[]
  readonly tags: readonly string[]
}

/** The asked columns alone: a table of 100 runs does not load a thousand metrics of each. */
export async function tableRows(
  room: Tracking,
  rows: readonly RunRow[],
  columns: Columns,
): Promise<z.output<typeof WireRunRow>[]> {
  const ids = rows.map((row) => row.run_id)
  const [metrics, params, tags] = await Promise.all([
    values<{ value: number; is_nan: number }>(room, 'latest_metrics', 'value, is_nan', ids, columns.metrics),
    values<{ value: string }>(room, 'run_params', 'value', ids, columns.params),
    values<{ value: string }>(room, 'run_tags', 'value', ids, columns.tags),
  ])
  return rows.map((row) => ({
    ...infoOf(row),
    metrics: Object.fromEntries((metrics.get(row.run_id) ?? []).map((m) => [m.key, wireValue(m)])),
    params: Object.fromEntries((params.get(row.run_id) ?? []).map((p) => [p.key, p.value])),
    tags: Object.fromEntries((tags.get(row.run_id) ?? []).map((t) => [t.key, t.value])),
  }))
}

type Keyed<T> = T & { readonly run_id: string; readonly key: string }

// oxlint-disable-next-line max-params -- a private helper whose arguments are all of one query
async function values<T>(room: Tracking, table: string, columns: string, ids: string[], keys: readonly string[]) {
  const none = new Map<string, Keyed<T>[]>()
  if (ids.length === 0 || keys.length === 0) return none
  const where = sql`run_id IN ${inList(ids)} AND key IN ${inList([...keys])}`
  const rows = await room.db.search<Keyed<T>>({
    text: `SELECT run_id, key, ${columns} FROM ${table} WHERE ${where.text}`,
    params: where.params,
  })
  return Map.groupBy(rows, (row) => row.run_id)
}

async function compareRuns(room: Tracking, who: Principal, ids: readonly string[]) {
  const rows: RunRow[] = []
  for (const id of new Set(ids)) rows.push(await requireRun(room.db, who, id))
  const filled = await readRuns(room, rows)
  const runs = rows.map((row, index) => {
    const run = filled[index] as WireRun
    return {
      ...infoOf(row),
      metrics: Object.fromEntries(run.data.metrics.map((metric) => [metric.key, metric.value])),
      params: record(run.data.params),
      tags: record(run.data.tags),
    }
  })
  return {
    runs,
    differing: {
      params: differing(runs.map((run) => run.params)),
      metrics: differing(runs.map((run) => run.metrics)),
      tags: differing(runs.map((run) => run.tags)).filter((key) => !key.startsWith('mlflow.')),
    },
  }
}

/** The keys that not all have with one value. */
function differing(records: readonly Record<string, unknown>[]): string[] {
  const keys = new Set(records.flatMap((record) => Object.keys(record)))
  return [...keys].filter((key) => new Set(records.map((record) => record[key])).size > 1).sort()
}

async function wholeRun(room: Tracking, row: RunRow): Promise<z.output<typeof Run>> {
  const [run] = await readRuns(room, [row])
  const { data, inputs, outputs } = run as WireRun
  return {
    ...infoOf(row),
    metrics: data.metrics.map((m) => ({ key: m.key, value: m.value, step: m.step, at: timeOf(m.timestamp) })),
    params: record(data.params),
    tags: record(data.tags),
    datasets: (inputs.dataset_inputs ?? []).map(({ dataset, tags }) => ({
      name: dataset.name,
      digest: dataset.digest,
      source_type: dataset.source_type,
      source: dataset.source,
      context: tags.find((tag) => tag.key === CONTEXT_TAG)?.value ?? null,
      tags: record(tags),
    })),
    models_read: (inputs.model_inputs ?? []).map((model) => model.model_id),
    models_made: [...(outputs?.model_outputs ?? [])],
    artifacts: await artifactFiles(room.db, row.artifact_uri),
  }
}

function infoOf(row: RunRow): z.output<typeof RunInfo> {
  return {
    id: row.run_id,
    name: row.run_name,
    experiment_id: row.experiment_id,
    user: row.user_id,
    status: row.status,
    stage: row.lifecycle_stage,
    started_at: timeOf(row.start_time),
    ended_at: row.end_time === null ? null : timeOf(row.end_time),
    alive_at: timeOf(row.heartbeat_at),
    ...(typeof row.lost_at === 'number' && { lost: true }),
    artifact_uri: row.artifact_uri,
  }
}

function experimentOf(experiment: Experiment): z.output<typeof WireExperiment> {
  return {
    id: experiment.experiment_id,
    name: experiment.name,
    project: experiment.project,
    stage: experiment.lifecycle_stage,
    artifact_location: experiment.artifact_location,
    created_at: timeOf(experiment.creation_time),
    updated_at: timeOf(experiment.last_update_time),
    tags: record(experiment.tags),
  }
}

function record(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map((tag) => [tag.key, tag.value]))
}

/** The last moment that a JavaScript date can hold. */
const LAST_MS = 8.64e15

/** Clients choose start and end; one beyond what a date can hold is shown as the last moment. */
function timeOf(ms: number): string {
  return toTime(Math.max(0, Math.min(ms, LAST_MS)))
}
