/** A pipeline run whose step runs for 150 months, as the pages are shown it. */
import type { itemsApi } from '../../src/contract/pipelines/items.ts'
import type { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'

type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
type Item = Reply<typeof itemsApi.listStepItems>['items'][number]

export const ITEMS_RUN = 'run_01k2a5d'

const STATES = { succeeded: 96, cached: 30, failed: 2, running: 4, ready: 1, waiting: 17 } as const

/** That run, made of another: its first step ends, its second runs for items, its third waits. */
export function itemsRun(base: PipelineRun): PipelineRun {
  const [features, train, evaluate] = base.steps.slice(-3)
  if (features === undefined || train === undefined || evaluate === undefined) throw new Error('three steps are needed')
  const open = { finished_at: null, duration_ms: null, metrics: {} }
  return {
    ...base,
    ...open,
    id: ITEMS_RUN,
    state: 'running',
    outcome: null,
    message: '1 of 3 steps done; running: train (128 of 150 items ended)',
    steps: [
      features,
      {
        ...train,
        ...open,
        state: 'running',
        attempts: [],
        items: { count: 150, states: STATES, needed: 135 },
      },
      { ...evaluate, ...open, state: 'waiting', attempts: [], cache: null },
    ],
    registered: null,
    critical_path: ['features', 'train'],
  }
}

/** The items of its second step, those of a state where one is asked for. */
export function itemsOf(run: PipelineRun, state: string | null): Item[] {
  const attempts = run.steps[0]?.attempts.slice(0, 1) ?? []
  const all = Object.entries(STATES).flatMap(([of, n]) => Array.from({ length: n }, () => of as Item['state']))
  return all
    .map((of, number): Item => {
      const isTried = of === 'succeeded' || of === 'failed' || of === 'running'
      const failure = { class: 'user' as const, message: 'ValueError: no flights in this month', traceback: null }
      return {
        name: `train[${number}]`,
        number,
        item: `${2013 + Math.floor(number / 12)}-${String((number % 12) + 1).padStart(2, '0')}`,
        state: of,
        cache: {
          key: 'k',
          hit: of === 'cached',
          reason:
            of === 'cached'
              ? 'nothing changed: the result of run run_01k2a7c was taken'
              : 'this item has not run before',
          changes: [],
          from_run: of === 'cached' ? 'run_01k2a7c' : null,
        },
        outputs: {},
        metrics: of === 'succeeded' ? { auc: 0.7 + number / 1000 } : {},
        failure: of === 'failed' ? failure : null,
        tracking_run_id: null,
        started_at: isTried ? run.created_at : null,
        finished_at: of === 'succeeded' || of === 'failed' ? run.created_at : null,
        duration_ms: isTried && of !== 'running' ? 8000 + number : null,
        retry_at: null,
        attempts: isTried ? attempts : [],
      }
    })
    .filter((item) => state === null || item.state === state)
}
