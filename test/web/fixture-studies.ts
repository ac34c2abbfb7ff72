/** A recorded study for the browser tests, shaped by the contract. */
import type { studiesApi } from '../../src/contract/pipelines/studies.ts'
import type { Reply } from '../../src/contract/route.ts'

type Study = Reply<typeof studiesApi.getStudy>
type Trial = Study['trials'][number]

const STATES: readonly Trial['state'][] = ['succeeded', 'succeeded', 'pruned', 'succeeded', 'succeeded', 'failed']
const COUNT = 24

const at = (ms: number): string => new Date(ms).toISOString()

/** Two of its 24 trials are under way. */
function trialsOf(now: number): Trial[] {
  return Array.from({ length: COUNT }, (_, number): Trial => {
    const state = number >= COUNT - 2 ? 'running' : (STATES[number % STATES.length] ?? 'succeeded')
    const lr = 10 ** (-4 + (4 * ((number * 7) % COUNT)) / COUNT)
    const depth = 2 + ((number * 5) % 9)
    const value = 0.8 - 0.02 * Math.abs(Math.log10(lr) + 2) - 0.004 * Math.abs(depth - 6)
    const begun = now - 3_600_000 + number * 60_000
    return {
      number,
      state,
      params: { learning_rate: lr, max_depth: depth, mode: number % 3 === 0 ? 'quick' : 'full' },
      value: state === 'failed' || state === 'running' ? null : value,
      pruned_at: state === 'pruned' ? 20 : null,
      run: `pr_study_01k2s_${number}`,
      message:
        state === 'pruned'
          ? 'at step 20 its best was behind the median of 8 others'
          : state === 'failed'
            ? 'step "train" failed: KeyError: \'ARR_DELAY\''
            : '',
      created_at: at(begun),
      finished_at: state === 'running' ? null : at(begun + 90_000),
    }
  })
}

export function recordedStudy(now: number): Study {
  const trials = trialsOf(now)
  const counts = { waiting: 0, running: 0, succeeded: 0, pruned: 0, failed: 0, cancelled: 0 }
  for (const { state } of trials) counts[state]++
  const told = trials.filter(({ state }) => state === 'succeeded')
  const [best] = told.toSorted((a, b) => (b.value ?? 0) - (a.value ?? 0))
  return {
    id: 'study_01k2s',
    project: 'flights',
    pipeline_version: 'pv_01',
    state: 'running',
    reason: '',
    trouble: null,
    plan: {
      objective: { step: 'train', metric: 'auc' },
      direction: 'maximize',
      space: {
        learning_rate: { kind: 'float', min: 1e-4, max: 1, log: true, points: null },
        max_depth: { kind: 'int', min: 2, max: 12, log: false, points: null },
        mode: { kind: 'choice', choices: ['full', 'quick'] },
      },
      constraints: [],
      method: 'gp',
      trials: COUNT,
      at_once: 2,
      seed: 0,
      time_ms: null,
      failures: 5,
      stop: null,
      holdout: { split: 'test' },
    },
    counts,
    best: best === undefined ? null : { number: best.number, value: best.value, params: best.params, run: best.run },
    created_at: at(now - 3_600_000),
    created_by: 'grace',
    finished_at: null,
    trials,
    importance: [
      { param: 'learning_rate', share: 0.71 },
      { param: 'max_depth', share: 0.14 },
      { param: 'mode', share: 0.02 },
    ],
    chance: {
      trials: told.length,
      mean: 0.76,
      sd: 0.012,
      best_sds: 2.4,
      expected_sds: 1.8,
      p: 0.11,
      detail:
        'the best of 15 trials lies 2.4 standard deviations from their mean; the best of 15 equally good ones, which differ by chance alone, is expected to lie 1.8 away, and lies as far with a chance of 11.0 %',
    },
    winner: { run: 'run_01k2b9d', state: 'succeeded', value: 0.744, on_holdout: true, verdict: null },
  }
}
