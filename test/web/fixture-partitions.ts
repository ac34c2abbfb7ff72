/** A recorded pipeline by day with a backfill for the browser tests, shaped by the contract. */
import type { backfillsApi } from '../../src/contract/pipelines/backfills.ts'
import type { partitionsApi } from '../../src/contract/pipelines/partitions.ts'
import type { Reply } from '../../src/contract/route.ts'

type Matrix = Reply<typeof partitionsApi.getPartitionMatrix>
type Row = Reply<typeof partitionsApi.listPartitions>['items'][number]
type Backfill = Reply<typeof backfillsApi.getBackfill>

const STEPS = ['ingest', 'features', 'train']

const at = (ms: number): string => new Date(ms).toISOString()

/** Two years of months, of which the newest two are not whole. */
export function recordedMatrix(): Matrix {
  const months = Array.from({ length: 26 }, (_, i) => new Date(Date.UTC(2024, 2 + i)))
  const groups = months.map((month, i): Matrix['groups'][number] => {
    const name = month.toISOString().slice(0, 7)
    const days = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate()
    const [failed, missing] = [i === 24 ? 2 : 0, i === 25 ? 12 : 0]
    const done = days - failed - missing
    return {
      name,
      from: `${name}-01`,
      to: `${name}-${days}`,
      partitions: days,
      states: { succeeded: done, ...(failed > 0 && { failed }), ...(missing > 0 && { missing }) },
      steps: {
        ingest: { succeeded: done, ...(failed > 0 && { cached: failed }) },
        features: { succeeded: done, ...(failed > 0 && { failed }) },
        train: { succeeded: done, ...(failed > 0 && { skipped: failed }) },
      },
    }
  })
  return {
    project: 'flights',
    pipeline_version: 'pv_01',
    by: 'day',
    timezone: 'America/New_York',
    partitions: groups.reduce((sum, group) => sum + group.partitions, 0),
    states: { succeeded: 777, failed: 2, missing: 12 },
    steps: STEPS,
    groups: groups.toReversed(),
  }
}

export function recordedPartitions(from: string): Row[] {
  return [1, 2, 3].map((day): Row => {
    const key = `${from.slice(0, 8)}0${day}`
    const state = day === 1 ? 'succeeded' : day === 2 ? 'failed' : 'missing'
    const done = { ingest: 'succeeded', features: 'succeeded', train: 'succeeded' } as const
    const cut = { ingest: 'cached', features: 'failed', train: 'skipped' } as const
    return {
      key,
      start: `${key}T05:00:00.000Z`,
      end: null,
      state,
      run: state === 'missing' ? null : 'run_01k2b9d',
      steps: state === 'succeeded' ? done : state === 'failed' ? cut : {},
    }
  })
}

export function recordedBackfill(now: number): Backfill {
  return {
    id: 'backfill_01k2s',
    project: 'flights',
    pipeline_version: 'pv_01',
    state: 'running',
    reason: '',
    trouble: null,
    plan: {
      from: '2026-03',
      to: '2026-04',
      only: 'missing',
      at_once: 4,
      rate_per_minute: 30,
      priority: -10,
      force: false,
      set: {},
    },
    counts: { waiting: 20, running: 4, succeeded: 35, failed: 2, cancelled: 0 },
    created_at: at(now - 3_600_000),
    created_by: 'grace',
    finished_at: null,
  }
}

export function recordedBackfilled(state: string | null): Reply<typeof backfillsApi.listBackfillPartitions>['items'] {
  const isFailed = state === 'failed'
  return [0, 1].map((number) => ({
    number,
    partition: `2026-03-1${number}`,
    state: isFailed ? ('failed' as const) : ('running' as const),
    run: 'run_01k2b9d',
    message: isFailed ? 'step "features" failed: KeyError: \'ARR_DELAY\'' : '',
    begun_at: at(1),
    finished_at: null,
  }))
}
