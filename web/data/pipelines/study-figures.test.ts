/** What is drawn of trials, counted by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Study } from '../queries.ts'
import { bestSoFar, choicesSaid, parallelOf } from './study-figures.ts'

const trial = (number: number, value: number | null, params: Record<string, unknown>, state = 'succeeded') =>
  ({ number, value, params, state }) as Study['trials'][number]
const study = {
  plan: {
    direction: 'minimize',
    objective: { step: 'fit', metric: 'loss' },
    space: {
      lr: { kind: 'float', min: 0, max: 1, log: false, points: null },
      mode: { kind: 'choice', choices: ['full', 'quick'] },
    },
  } as unknown as Study['plan'],
  trials: [
    trial(0, 3, { lr: 0.1, mode: 'full' }),
    trial(1, null, { lr: 0.2, mode: 'full' }, 'failed'),
    trial(2, 5, { lr: 0.3, mode: 'quick' }),
    trial(3, 0.5, { lr: 0.4, mode: 'full' }, 'pruned'),
    trial(4, 1, { lr: 0.5, mode: 'quick' }),
  ],
}

test('the best so far is of trials that went to their end', () => {
  assert.deepEqual(bestSoFar(study), { x: [0, 2, 4], values: [3, 5, 1], best: [3, 3, 1] })
  const largest = { ...study, plan: { ...study.plan, direction: 'maximize' as const } }
  assert.deepEqual(bestSoFar(largest).best, [3, 5, 5])
  assert.deepEqual(bestSoFar({ ...study, trials: [] }), { x: [], values: [], best: [] })
})

test('axes are the params and the objective; the best is drawn last, a choice by its place', () => {
  assert.deepEqual(parallelOf(study), {
    axes: ['lr', 'mode', 'loss'],
    lines: [
      { number: 2, share: 1, values: [0.3, 1, 5] },
      { number: 0, share: 0.5, values: [0.1, 0, 3] },
      { number: 4, share: 0, values: [0.5, 1, 1] },
    ],
  })
  assert.deepEqual(choicesSaid(study), ['mode: 0 is full, 1 is quick'])
})
