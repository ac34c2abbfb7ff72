/** Forms of keys and budgets: what they ask the server for, each of which it takes; and what they leave unasked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NewBudget } from '../../../src/contract/llm/budgets.ts'
import { NewKey } from '../../../src/contract/llm/keys.ts'
import { budgetAsked, dollarsFault, EMPTY_BUDGET, EMPTY_KEY, isDollars, keyAsked, wholeFault } from './forms.ts'

test('a key needs a name alone; empty limits are none', () => {
  assert.equal(keyAsked(EMPTY_KEY), undefined)
  const asked = keyAsked({ ...EMPTY_KEY, name: ' app ' })
  assert.deepEqual(asked, { name: 'app', tags: [], content: true })
  assert.ok(NewKey.safeParse(asked).success)
})

test('lists are told by commas, numbers must be whole', () => {
  const form = { ...EMPTY_KEY, name: 'app', models: 'chat, embed,,chat', rpm: '60', days: '30', tags: 'a' }
  const asked = keyAsked(form)
  assert.deepEqual(asked, {
    name: 'app',
    models: ['chat', 'embed'],
    rpm: 60,
    tags: ['a'],
    content: true,
    expires_in_days: 30,
  })
  assert.ok(NewKey.safeParse(asked).success)
  for (const rpm of ['0', '-1', '1.5', 'many']) {
    assert.equal(keyAsked({ ...form, rpm }), undefined, rpm)
    assert.match(wholeFault(rpm) ?? '', /a whole number/, rpm)
  }
  for (const fine of ['', ' 7 ']) assert.equal(wholeFault(fine), undefined)
})

test('a budget needs a limit, and of all but a project whose it is', () => {
  assert.equal(budgetAsked(EMPTY_BUDGET), undefined)
  const asked = budgetAsked({ ...EMPTY_BUDGET, limit: '100' })
  assert.deepEqual(asked, { scope: 'project', window: 'month', limit: '100', hard: true })
  assert.ok(NewBudget.safeParse(asked).success)
  assert.equal(budgetAsked({ ...EMPTY_BUDGET, scope: 'team', limit: '100' }), undefined)
  assert.deepEqual(budgetAsked({ ...EMPTY_BUDGET, scope: 'team', of: 'travel', limit: '0.5', hard: false }), {
    scope: 'team',
    of: 'travel',
    window: 'month',
    limit: '0.5',
    hard: false,
  })
  assert.deepEqual(budgetAsked({ ...EMPTY_BUDGET, project: 'flights', of: 'typed before', limit: '1' }), {
    project: 'flights',
    scope: 'project',
    window: 'month',
    limit: '1',
    hard: true,
  })
  const team = budgetAsked({ ...EMPTY_BUDGET, project: 'flights', scope: 'team', of: 'travel', limit: '1' })
  assert.deepEqual([team?.project, team?.of], ['flights', 'travel'], 'teams of the project that was chosen')
})

test('dollars are as the server takes them', () => {
  for (const text of ['0', '0.000000001', '1200.5', ' 3 ']) {
    assert.ok(isDollars(text), text)
    const taken = NewBudget.shape.limit.safeParse(text.trim())
    assert.ok(taken.success, text)
  }
  for (const text of ['', '-1', '1,5', '1.0000000001', '$5', '1e3', '99999999']) {
    assert.ok(!isDollars(text), text)
    assert.equal(dollarsFault(text) === undefined, text === '', text)
  }
})
