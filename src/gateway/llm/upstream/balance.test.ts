/** Order of an endpoint's models: shares by weight, fallbacks behind, those that fail last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelRoute } from '../../table/llm.ts'
import { Balance } from './balance.ts'

const model = (id: string, weight: number, fallback: number | null = null): ModelRoute => ({
  id,
  provider: 'p',
  model: id,
  weight,
  fallback,
  price: null,
  max_output: null,
})

const ids = (models: readonly ModelRoute[]): string => models.map(({ id }) => id).join('')

test('weights are shares, exactly, and turns are spread', () => {
  const balance = new Balance()
  const models = [model('a', 5), model('b', 1), model('c', 1)]
  const firsts = Array.from({ length: 14 }, () => ids(balance.order(models, 1, 0)))
  assert.equal(firsts.join(''), 'aabacaaaabacaa')
})

test('a model of weight 0 is no primary one', () => {
  const balance = new Balance()
  const firsts = Array.from({ length: 4 }, () => ids(balance.order([model('a', 0), model('b', 1)], 3, 0)))
  assert.deepEqual(firsts, ['b', 'b', 'b', 'b'])
})

test('a model of weight 0 is not called in place of those that rest: fallbacks are', () => {
  const balance = new Balance()
  const a = model('a', 1)
  const models = [model('z', 0), a, model('x', 1, 0)]
  for (let i = 0; i < 3; i++) balance.failed(a, 0, null)
  assert.equal(ids(balance.order(models, 1, 1)), 'x')
})

test('fallbacks follow in their order, and no more than may be tried', () => {
  const models = [model('y', 1, 1), model('a', 1), model('x', 1, 0)]
  assert.equal(ids(new Balance().order(models, 9, 0)), 'axy')
  assert.equal(ids(new Balance().order(models, 2, 0)), 'ax')
  assert.equal(ids(new Balance().order(models, 0, 0)), 'a')
})

test('three failures in a row, or a wait that the upstream asked for, put a model last for a while', () => {
  const balance = new Balance()
  const a = model('a', 1)
  const models = [a, model('x', 1, 0)]
  balance.failed(a, 0, null)
  balance.failed(a, 0, null)
  assert.equal(ids(balance.order(models, 2, 1)), 'ax')
  balance.failed(a, 0, null)
  assert.equal(ids(balance.order(models, 2, 1)), 'xa')
  assert.equal(balance.restsUntil(a, 1), 5000)
  assert.equal(ids(balance.order(models, 2, 5000)), 'ax')
  balance.failed(a, 5000, null)
  assert.equal(balance.restsUntil(a, 5001), 15_000, 'each further failure doubles it')
  balance.answered(a)
  assert.equal(ids(balance.order(models, 2, 5001)), 'ax')
  balance.failed(a, 6000, 700)
  assert.equal(ids(balance.order(models, 2, 6699)), 'xa')
  assert.equal(ids(balance.order(models, 2, 6700)), 'ax')
})

test('an only model is called whatever it did', () => {
  const balance = new Balance()
  const a = model('a', 1)
  for (let i = 0; i < 9; i++) balance.failed(a, 0, 60_000)
  assert.equal(ids(balance.order([a], 3, 1)), 'a')
})

test('calls beyond the first are one in five, and ten at once', () => {
  const balance = new Balance()
  const a = model('a', 1)
  balance.order([a], 1, 0)
  assert.equal(Array.from({ length: 12 }, () => balance.spare()).filter(Boolean).length, 10)
  for (let i = 0; i < 5; i++) balance.order([a], 1, 0)
  assert.deepEqual([balance.spare(), balance.spare()], [true, false])
})
