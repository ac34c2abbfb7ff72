/** Which budgets a call is charged to: those of its project whose scope names it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BudgetRoute, BudgetScope, KeyRoute, LlmRoute } from '../../table/llm.ts'
import { budgetsOf } from './budgets.ts'
import { budgetOf, keyOf } from './money.fixture.ts'

const one = (scope: BudgetScope, of: string, project = 'shop'): BudgetRoute =>
  budgetOf(`${project}/${scope}/${of}`, { scope, of, project })

const ROUTE: LlmRoute = {
  providers: [],
  endpoints: [],
  keys: [],
  allow: [],
  budgets: [
    one('key', 't1'),
    one('key', 't2'),
    one('user', 'ann'),
    one('team', 'ann'),
    one('team', 'search'),
    one('project', 'shop'),
    budgetOf('shop/monthly', { scope: 'project', of: 'shop', project: 'shop', window: 'month' }),
    one('project', 'bank', 'bank'),
    one('project', 'shop', 'bank'),
    one('tag', 'batch'),
    one('tag', 'night'),
    one('key', 't1', 'bank'),
  ],
}

const ids = (project: string, key: KeyRoute | null): string[] => budgetsOf(ROUTE, { project, key }).map(({ id }) => id)

test('those of key, user, team, project and each tag, within the project', () => {
  const key = keyOf({ token: 't1', user: 'ann', team: 'search', tags: ['night', 'none', 'batch', 'night'] })
  assert.deepEqual(ids('shop', key), [
    'shop/key/t1',
    'shop/user/ann',
    'shop/team/search',
    'shop/project/shop',
    'shop/monthly',
    'shop/tag/night',
    'shop/tag/batch',
  ])
  assert.deepEqual(ids('bank', key), ['bank/key/t1', 'bank/project/bank'])
})

test('a name of one scope is none of another', () => {
  assert.deepEqual(ids('shop', keyOf({ token: 'ann', user: 't1', team: 'batch', tags: ['ann', 'shop'] })), [
    'shop/project/shop',
    'shop/monthly',
  ])
})

test('a caller of whom nothing is said is charged to the project', () => {
  assert.deepEqual(ids('shop', null), ['shop/project/shop', 'shop/monthly'])
  assert.deepEqual(ids('other', null), [])
  assert.deepEqual(budgetsOf({ ...ROUTE, budgets: [] }, { project: 'shop', key: null }), [])
})
