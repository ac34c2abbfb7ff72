/** Recorded replies for tables and charts of many runs, for latency over time, and the files of runs. */
import type { endpointViewApi } from '../../src/contract/endpoint-view.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { runTableApi } from '../../src/contract/tracking/run-table.ts'
import type { searchesApi } from '../../src/contract/tracking/searches.ts'
import { before, metricHistory, noise } from './fixture-tracking.ts'
import type { Run } from './fixture-tracking.ts'

export function keys(runs: readonly Run[]): Reply<typeof runTableApi.keys> {
  const of = (pick: (run: Run) => string[]): string[] => [...new Set(runs.slice(0, 30).flatMap(pick))].sort()
  const metrics = of((run) => run.metrics.map((metric) => metric.key))
  const params = of((run) => Object.keys(run.params))
  const newest = runs[0]
  return {
    metrics,
    params,
    tags: of((run) => Object.keys(run.tags)),
    newest: {
      metrics: newest?.metrics.map((metric) => metric.key) ?? [],
      params: Object.keys(newest?.params ?? {}),
    },
  }
}

/** Groups by a param, in the order of their size. */
export function groups(runs: readonly Run[], by: string, metrics: readonly string[]): Reply<typeof runTableApi.groups> {
  const key = by.slice(by.indexOf('.') + 1)
  const found = Map.groupBy(runs, (run) => (by.startsWith('params.') ? (run.params[key] ?? null) : run.status))
  const items = [...found].map(([value, members]) => ({
    value,
    runs: members.length,
    newest_at: members[0]?.started_at ?? '',
    metrics: Object.fromEntries(
      metrics.flatMap((metric) => {
        const values = members.flatMap((run) =>
          run.metrics.filter((one) => one.key === metric).map((one) => Number(one.value)),
        )
        if (values.length === 0) return []
        const mean = values.reduce((sum, one) => sum + one, 0) / values.length
        return [[metric, { runs: values.length, mean, least: Math.min(...values), greatest: Math.max(...values) }]]
      }),
    ),
  }))
  return { items: items.sort((a, b) => b.runs - a.runs), more: false }
}

export function curves(now: number, query: URLSearchParams): Reply<typeof runTableApi.curves> {
  const [from, to] = [Number(query.get('from_step') ?? -Infinity), Number(query.get('to_step') ?? Infinity)]
  const ids = query.getAll('ids').flatMap((one) => one.split(','))
  return {
    items: ids.map((id) => {
      const history = metricHistory(now, id, query.get('key') ?? '')
      const points = history.points.filter((point) => point.step >= from && point.step <= to)
      return {
        id,
        total: points.length,
        steps: points.map((point) => point.step),
        times: points.map((point) => Date.parse(point.at)),
        values: points.map((point) => point.value),
      }
    }),
  }
}

export function views(now: number): Reply<typeof searchesApi.list>['items'] {
  const at = before(now, 86_400_000)
  return [
    {
      id: 'srch_1',
      name: 'best-of-week',
      project: 'flights',
      owner: 'ada',
      entity: 'runs',
      experiment_ids: ['1'],
      filter: 'metrics.auc > 0.75',
      order_by: ['metrics.auc DESC'],
      columns: ['metrics.auc', 'params.seed'],
      grouping: null,
      created_at: at,
      updated_at: at,
    },
  ]
}

const WINDOWS = 120

/** An hour in which version 3 came as a canary after 40 minutes. */
export function latency(now: number): Reply<typeof endpointViewApi.latency> {
  const each = (make: (i: number) => number) => Array.from({ length: WINDOWS }, (_, i) => make(i))
  const late = (make: (i: number) => number) => Array.from({ length: WINDOWS }, (_, i) => (i < 80 ? null : make(i)))
  return {
    from: before(now, 3_600_000),
    until: before(now, 0),
    window_s: 30,
    windows: each((i) => 3_600_000 - i * 30_000).map((ms) => before(now, ms)),
    series: [
      {
        role: 'stable',
        version: '2',
        requests: each((i) => 900 + Math.round(noise(i) * 200)),
        errors: each(() => 0),
        p50_ms: each((i) => 0.21 + noise(i) * 0.03),
        p95_ms: each((i) => 0.4 + noise(i + 3) * 0.1),
        p99_ms: each((i) => 0.8 + noise(i + 5) * 0.4),
      },
      {
        role: 'canary',
        version: '3',
        requests: each((i) => (i < 80 ? 0 : 300)),
        errors: each((i) => (i === 100 ? 2 : 0)),
        p50_ms: late((i) => 0.25 + noise(i) * 0.03),
        p95_ms: late((i) => 0.5 + noise(i + 3) * 0.1),
        p99_ms: late((i) => 1.1 + noise(i + 5) * 0.4),
      },
    ],
  }
}

/** A picture of 2 × 2 pixels. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNkYPjPwMDAwsDAwMAAAA0MAgEHz9jOAAAAAElFTkSuQmCC',
  'base64',
)

const FILES: Readonly<Record<string, readonly [type: string, body: string | Buffer]>> = {
  'calibration.csv': [
    'text/csv',
    'bin,predicted,seen,n\n1,0.051,0.048,"1,204"\n2,0.152,0.161,980\n3,0.252,0.239,744\n',
  ],
  'report.html': ['text/html', '<h1>Report</h1><p style="color:green">The page is shown without its scripts.</p>'],
  'table.json': ['application/json', '{"columns":["question","score"],"data":[["how late?",0.91],["why?",0.4]]}'],
  'model/MLmodel': ['text/plain', 'flavors:\n  sklearn:\n    pickled_model: model.skops\n'],
}

/** A file of a run, or undefined. Pictures are all the same. */
export function artifact(path: string): { type: string; body: Buffer } | undefined {
  if (path.endsWith('.png')) return { type: 'image/png', body: PNG }
  const found = FILES[path]
  return found && { type: found[0], body: Buffer.from(found[1]) }
}
