/** Schemas of the registry at their edges: gates, policies, names of models, versions and aliases. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT, copies, defaults, edges } from './edges.cases.ts'
import { Gate, registryApi } from './registry.ts'

const text = (size: number): string => 'x'.repeat(size)

describe('a gate', () => {
  edges('on a value', Gate, { metric: 'auc', at_least: 0.7 }, [
    ['metric', ['a', text(250)], ['', text(251), 5, null]],
    ['at_least', [0, -1, ABSENT], ['0.7', null, Number.NaN, Infinity]],
    ['at_most', [1, ABSENT], ['1', null]],
    ['slice', ['carrier=UA', ABSENT], [5, null]],
    ['confidence', [0.51, 0.95, 0.999, ABSENT], [0.5, 1, 0, 2, '0.95', null]],
    ['multiplicity', ['bh', 'holm', ABSENT], ['bonferroni', '', null]],
    ['other', [], [1]],
  ])

  edges('against another version', Gate, { metric: 'auc', not_worse_than: 'production' }, [
    ['not_worse_than', ['a', text(255)], ['', text(256), 5, null]],
    ['margin', [0, 0.1, ABSENT], [-0.1, '0', null]],
    ['confidence', [0.51, 0.99, ABSENT], [0.5, 1, null]],
    ['method', ['auto', 'delong', 'bootstrap', ABSENT], ['t', null]],
    ['at_least', [], [0.7]],
  ])

  edges('on a jump', Gate, { metric: 'auc', jump_at_most: 0.1 }, [
    ['jump_at_most', [0.001, 5], [0, -1, '1', null]],
    ['against', [0, 0.9, ABSENT], ['0.9', null]],
  ])

  for (const good of [
    { signature: 'compatible' },
    { data: 'digest known' },
    { reproducibility: 'A' },
    { reproducibility: 'B' },
    { scan: 'clean' },
    { approvals: 1 },
    { approvals: 20, role: 'admin' },
  ])
    test(`${JSON.stringify(good)} is one`, () => assert.ok(Gate.safeParse(good).success))

  for (const bad of [
    {},
    { signature: 'same' },
    { data: true },
    { reproducibility: 'C' },
    { scan: 'suspicious' },
    { approvals: 0 },
    { approvals: 21 },
    { approvals: 1.5 },
    { approvals: 1, role: 'viewer' },
    { signature: 'compatible', data: 'digest known' },
    { metric: 'auc', jump_at_most: 1, not_worse_than: 'production' },
    { not_worse_than: 'production' },
    [],
    null,
    'auc > 0.7',
  ])
    test(`${JSON.stringify(bad)} is none`, () => assert.ok(!Gate.safeParse(bad).success))

  defaults(
    'against another version',
    Gate,
    { metric: 'auc', not_worse_than: 'production' },
    {
      metric: 'auc',
      not_worse_than: 'production',
      margin: 0,
      confidence: 0.95,
    },
  )
  defaults('approvals', Gate, { approvals: 2 }, { approvals: 2, role: 'maintainer' })
})

edges('the name of a model', registryApi.getModel.params, { name: 'flights' }, [
  [
    'name',
    ['a', 'a b', 'käse', '日本', 'a.b-c_d', '..', text(256)],
    ['', 'a/b', 'a:b', 'a\nb', 'a\0', 'a\u007f', 'a\u0085', text(257), 5, null],
  ],
])

edges('a version of a model', registryApi.getVersion.params, { name: 'flights', version: '1' }, [
  ['version', ['0', '999999999'], ['', '1.0', '-1', 'latest', ' 1', '1000000000', '１', 1, null]],
])

edges('an alias', registryApi.moveAlias.params, { name: 'flights', alias: 'production' }, [
  ['alias', ['a', text(255)], ['', text(256), null]],
])

edges('a move of an alias', registryApi.moveAlias.body, { version: '2' }, [
  ['version', ['', '1'], [1, null, ABSENT]],
  ['reason', ['', text(1000), ABSENT], [text(1001), 5, null]],
  ['override', [true, false, ABSENT], ['true', 1, null]],
  ['force', [], [true]],
])
defaults(
  'a move of an alias',
  registryApi.moveAlias.body,
  { version: '2' },
  {
    version: '2',
    reason: '',
    override: false,
  },
)

edges('an approval', registryApi.approve.body, {}, [['comment', ['', text(1000), ABSENT], [text(1001), 5, null]]])

const gate = { scan: 'clean' }
edges('a policy', registryApi.putPolicy.body, { gates: [gate] }, [
  ['gates', [[], copies(100, gate), ABSENT], [copies(101, gate), [{}], gate, null]],
  ['require_signature', [true, false, ABSENT], ['yes', 1, null]],
  ['keys', [[], [text(4096)], copies(20, 'k'), ABSENT], [[text(4097)], copies(21, 'k'), [5], 'k']],
  ['model', [], ['other']],
])
defaults(
  'a policy',
  registryApi.putPolicy.body,
  {},
  {
    gates: [],
    require_signature: false,
    require_image_signature: false,
    keys: [],
    revoked: [],
  },
)

edges('gates of a model', registryApi.putGates.body, { gates: [gate], reason: 'r' }, [
  ['gates', [[], [{ metric: 'auc', at_most: 0 }]], [[gate, { metric: 'auc' }], [{ metric: 'auc', slice: 'a' }]]],
])
edges('a policy with a metric that has no limit', registryApi.putPolicy.body, {}, [
  ['gates', [[{ metric: 'auc', jump_at_most: 1 }]], [[{ metric: 'auc' }]]],
])

edges('a signature', registryApi.putSignature.body, { bundle: '{}', key: 'pem' }, [
  ['bundle', ['', text(4 * 1024 * 1024)], [text(4 * 1024 * 1024 + 1), {}, ABSENT]],
  ['key', ['', text(4096)], [text(4097), 5, ABSENT]],
])

edges('the time that models are asked at', registryApi.modelsAt.query, { time: '2026-05-03T00:00:00Z' }, [
  ['time', ['2026-05-03T00:00:00.5+02:00'], ['2026-05-03', 'now', '', ABSENT]],
])

test('the largest bundle fits into the largest body of its route', () => {
  assert.ok(registryApi.putSignature.limit > 4 * 1024 * 1024 + 4096)
})
