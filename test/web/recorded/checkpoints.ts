/** A pipeline run whose steps waited for places and machines, and whose training was taken away twice and went on from checkpoints. */
import type { checkpointsApi } from '../../../src/contract/pipelines/checkpoints.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before, type PipelineRun } from '../fixture-tracking.ts'

type Step = PipelineRun['steps'][number]
type Attempt = Step['attempts'][number]

const MINUTE = 60_000
const MIB = 1024 * 1024

export function kept(now: number): Reply<typeof checkpointsApi.listCheckpoints>['items'] {
  return [
    { number: 9, step: 41, size: 612 * MIB, made_at: before(now, 31 * MINUTE), attempt: 2, run: 'run_01k2c41' },
    { number: 8, step: 36, size: 611 * MIB, made_at: before(now, 36 * MINUTE), attempt: 3, run: 'run_01k2a8f' },
  ]
}

/** That run, made of another, minutes ago. */
export function resumedRun(now: number, base: PipelineRun): PipelineRun {
  const at = (minutes: number): string => before(now, minutes * MINUTE)
  const [ingest, weather, features, train, evaluate] = base.steps
  const [attempt] = features?.attempts ?? []
  if (!ingest || !weather || !features || !train || !evaluate || !attempt) throw new Error('five steps are needed')
  const open = { finished_at: null, duration_ms: null, metrics: {} }
  const tried = (
    number: number,
    [waited, queued, begun, over]: readonly [number, number, number, number | null],
  ): Attempt => ({
    ...attempt,
    id: `att_0${number}`,
    number,
    driver: 'kubernetes',
    waited_ms: waited * MINUTE,
    queued_at: at(queued),
    started_at: at(queued),
    begun_at: at(begun),
    finished_at: over === null ? null : at(over),
    wall_ms: over === null ? null : (begun - over) * MINUTE,
    state: over === null ? 'running' : 'failed',
    spot: true,
    failure:
      over === null
        ? null
        : { class: 'preempted', message: 'kubernetes ended it: the node spot-7 was drained', traceback: null },
  })
  const made = (number: number, step: number, minutes: number) => ({
    number,
    step,
    made_at: at(minutes),
    size: 612 * MIB,
    took_ms: 2400,
  })
  const well = { damaged: 0, failed: null }
  const attempts: Attempt[] = [
    { ...tried(1, [12, 100, 96, 62]), checkpoints: { ...well, made: 6, last: made(6, 28, 66), resumed: null } },
    {
      ...tried(2, [4, 55, 50, 29]),
      checkpoints: { ...well, made: 3, last: made(9, 41, 31), resumed: made(6, 28, 66) },
    },
    { ...tried(3, [2, 24, 18, null]), checkpoints: { ...well, made: 0, last: null, resumed: made(9, 41, 31) } },
  ]
  const held = {
    waits: 'pool "licences" is full, 3 of 3 (run_01k2a8f solve and 2 more)',
    limits: {
      queued: { limit_ms: 120 * MINUTE, left_ms: 113 * MINUTE },
      running: { limit_ms: 600_000, left_ms: null },
    },
  }
  const { spot: _, ...local } = tried(1, [0.2, 118, 117.8, 112])
  const ran: Attempt = { ...local, state: 'succeeded', failure: null, driver: 'local' }
  return {
    ...base,
    ...open,
    id: 'run_01k2c41',
    state: 'running',
    outcome: null,
    message: '3 of 6 steps done; running: train, slices (128 of 150 items ended)',
    created_at: at(121),
    started_at: at(120),
    steps: [
      ingest,
      weather,
      { ...features, started_at: at(118), finished_at: at(112), attempts: [ran] },
      {
        ...train,
        ...open,
        state: 'running',
        started_at: at(100),
        attempts,
        checkpoints: { resumed: 2, lost_ms: 6 * MINUTE },
      },
      {
        ...evaluate,
        ...open,
        name: 'slices',
        needs: ['features'],
        state: 'running',
        started_at: at(110),
        attempts: [],
        items: { count: 150, states: { succeeded: 128, running: 22 }, needed: 150 },
      },
      { ...evaluate, ...open, state: 'ready', needs: ['features'], attempts: [], due_at: at(7), ...held },
    ],
    registered: null,
    limit: { limit_ms: 4 * 60 * MINUTE, left_ms: 119 * MINUTE },
    critical_path: ['features', 'train'],
    critical_path_ms: 118 * MINUTE,
  }
}
