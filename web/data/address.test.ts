/** What the pages read from a link, the keyboard, finding, and addresses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matching } from './matches.ts'
import { actOf } from './keyboard.ts'
import { touched } from './live.ts'
import { pageOf } from './page-links.ts'
import {
  compareSearch,
  costSearch,
  llmSearch,
  loginSearch,
  monitoringSearch,
  runSearch,
  runsSearch,
} from './address.ts'

test('a link gives its state back, and what cannot be read is left out', () => {
  assert.deepEqual(
    runsSearch({ filter: 'metrics.auc > 0.7', experiment: 1, columns: 'metrics.auc,params.seed', chosen: [] }),
    {
      filter: 'metrics.auc > 0.7',
      experiment: '1',
      columns: ['metrics.auc', 'params.seed'],
    },
  )
  assert.deepEqual(compareSearch({ ids: ['a', 2] }), { ids: ['a', '2'] })
  assert.deepEqual(runSearch({ smooth: '0.6', log: 'true' }), { smooth: 0.6, log: true })
  assert.deepEqual(runSearch({ smooth: 7, log: 'perhaps' }), {})
  assert.deepEqual(monitoringSearch({ from: '2013-09-04', to: 'never', hours: 999, feature: 'temp' }), {
    from: '2013-09-04T00:00:00.000Z',
    feature: 'temp',
  })
  assert.deepEqual([costSearch({ by: 'run' }), costSearch({ by: 'moon' })], [{ by: 'run' }, {}])
})

test('after the login one goes only to a page of this server', () => {
  assert.deepEqual(loginSearch({ back: '/runs?x=1' }), { back: '/runs?x=1' })
  for (const back of [
    'https://elsewhere.example',
    '//elsewhere.example',
    String.raw`/\elsewhere`,
    'javascript:1',
    '',
  ]) {
    assert.deepEqual(loginSearch({ back }), {}, back)
  }
  assert.deepEqual(loginSearch({ link: 'used' }), { link: 'used' })
  assert.deepEqual(loginSearch({ link: 'new' }), {})
})

test('keys act, except while one types', () => {
  const stroke = (key: string, given: Partial<Parameters<typeof actOf>[0]> = {}) =>
    actOf({ key, ctrl: false, typing: false, afterG: false, ...given })
  assert.deepEqual(stroke('r', { afterG: true }), { do: 'go', path: '/runs' })
  assert.equal(stroke('z', { afterG: true }), undefined)
  assert.deepEqual(
    [stroke('j'), stroke('k')],
    [
      { do: 'move', by: 1 },
      { do: 'move', by: -1 },
    ],
  )
  assert.deepEqual(
    ['g', 'x', 'Enter', '/', '?'].map((key) => stroke(key)?.do),
    ['wait', 'select', 'open', 'filter', 'help'],
  )
  assert.equal(stroke('j', { typing: true }), undefined)
  assert.deepEqual(stroke('k', { ctrl: true, typing: true }), { do: 'search' })
  assert.equal(stroke('r', { ctrl: true }), undefined)
})

test('things are found by words of their kind and name, beginnings first', () => {
  const things = [
    { kind: 'run', label: 'brave-heron', path: '/runs/1' },
    { kind: 'incident', label: 'Temperature changed', path: '/incidents/1' },
    { kind: 'model', label: 'old temperature', path: '/models/1' },
  ]
  assert.deepEqual(
    matching(things, 'temp').map((one) => one.path),
    ['/incidents/1', '/models/1'],
  )
  assert.deepEqual(
    matching(things, 'RUN her').map((one) => one.path),
    ['/runs/1'],
  )
  assert.equal(matching(things, 'nothing').length, 0)
  assert.equal(
    matching(
      Array.from({ length: 50 }, (_, i) => ({ kind: 'run', label: 'brave-heron', path: `/runs/${i}` })),
      '',
    ).length,
    20,
  )
})

test('of the overview of language models unknown words and half a part of time are left out', () => {
  assert.deepEqual(llmSearch({ range: '2y', by: 'prompt', outcome: 'late', since: '2026-01-01', endpoint: 7 }), {
    endpoint: '7',
  })
  const part = { since: '2026-01-01T00:00:00.000Z', until: '2026-01-02T00:00:00.000Z' }
  assert.deepEqual(llmSearch({ ...part, range: '7d', by: 'team', outcome: 'cut', key: 'tok_1' }), {
    ...part,
    range: '7d',
    by: 'team',
    outcome: 'cut',
    key: 'tok_1',
  })
  assert.deepEqual(llmSearch({ since: part.until, until: part.since }), {}, 'it would end before it begins')
})

test('addresses of the API lead to their pages', () => {
  assert.equal(pageOf('/v1/pipeline-runs/run_1'), '/pipelines/run_1')
  assert.equal(pageOf('/endpoints/a?rollout=r1'), '/endpoints/a')
  assert.equal(pageOf('/models/a/versions/3'), '/models/a/versions/3')
  assert.deepEqual(
    [pageOf('/v1/blobs/x'), pageOf('https://elsewhere.example'), pageOf(null)],
    [undefined, undefined, undefined],
  )
})

test('a change refreshes what it touches, a lost stream everything', () => {
  assert.deepEqual(touched('rollouts'), ['rollouts', 'endpoints', 'models'])
  assert.equal(touched('reload'), undefined)
  assert.deepEqual(touched('unheard of'), [])
})
