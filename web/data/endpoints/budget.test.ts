import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetOf } from './budget.ts'

const windows = (requests: number, errors: readonly number[], role = 'stable') => ({
  role,
  requests: errors.map(() => requests),
  errors,
})

test('a budget counts what callers were answered, over all variants but shadows', () => {
  const series = [
    windows(100, [1, 0, 0, 3]),
    windows(100, [0, 1, 0, 0], 'canary'),
    windows(100, [9, 9, 9, 9], 'shadow'),
  ]
  const { requests, failed, allowed, spent, pace } = budgetOf({ series }, 0.01)
  assert.deepEqual([requests, failed, allowed, spent], [800, 5, 8, 0.625])
  assert.equal(pace, 1.5, 'the newest window: 3 failures where 2 are allowed')
})

test('nothing asked is no budget and no pace; more than is allowed is above 1', () => {
  assert.deepEqual(budgetOf({ series: [] }, 0.01), { requests: 0, failed: 0, allowed: 0, spent: 0, pace: null })
  assert.equal(budgetOf({ series: [windows(10, [1])] }, 0.05).spent, 2)
})
