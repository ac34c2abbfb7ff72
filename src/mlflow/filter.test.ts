/** The search grammar: what it reads, and how it refuses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter, parseOrder } from './filter.ts'
import type { Comparison } from './filter.ts'
import { RUN_SCHEMA } from '../tracking/searches/conditions.ts'

const one = (source: string) => {
  const { kind: _kind, ...rest } = parseFilter(source, RUN_SCHEMA) as Comparison
  return rest
}

test('names, quotes and aliases', () => {
  assert.deepEqual(one('metrics.loss < 0.1'), { entity: 'metric', key: 'loss', operator: '<', value: 0.1 })
  assert.deepEqual(one('metric.`auc-pr/val`>=-1e-3'), {
    entity: 'metric',
    key: 'auc-pr/val',
    operator: '>=',
    value: -0.001,
  })
  assert.deepEqual(one('params."a b" != "it\'s"'), { entity: 'parameter', key: 'a b', operator: '!=', value: "it's" })
  assert.deepEqual(one("tags.mlflow.parentRunId = 'x'"), {
    entity: 'tag',
    key: 'mlflow.parentRunId',
    operator: '=',
    value: 'x',
  })
  assert.deepEqual(one("run_name ilike 'A%'"), { entity: 'attribute', key: 'run_name', operator: 'ILIKE', value: 'A%' })
  assert.deepEqual(one('attributes.Created > 5'), { entity: 'attribute', key: 'start_time', operator: '>', value: 5 })
  assert.deepEqual(one("`Run name` = 'n'"), { entity: 'attribute', key: 'run_name', operator: '=', value: 'n' })
  assert.deepEqual(one("run_id NOT IN ('a', 'b')"), {
    entity: 'attribute',
    key: 'run_id',
    operator: 'NOT IN',
    value: ['a', 'b'],
  })
  assert.deepEqual(one('params.x IS NOT NULL'), { entity: 'parameter', key: 'x', operator: 'IS NOT NULL', value: null })
  assert.deepEqual(one("params.x = 'a''b'").value, "a'b")
})

test('AND joins; nothing means no condition', () => {
  const filter = parseFilter("metrics.a > 1 and params.b = 'c' AND status = 'FINISHED'", RUN_SCHEMA)
  assert.equal(filter?.kind, 'and')
  assert.equal(filter.kind === 'and' ? filter.parts.length : 0, 3)
  assert.equal(parseFilter('  ', RUN_SCHEMA), undefined)
})

test('the extended form has OR, NOT and parentheses, AND binding closer', () => {
  const filter = parseFilter("metrics.a > 1 OR NOT (params.b = 'c' OR params.d = 'e') AND metrics.f = 2", RUN_SCHEMA, {
    extended: true,
  })
  assert.ok(filter?.kind === 'or')
  assert.deepEqual(
    filter.parts.map((part) => part.kind),
    ['compare', 'and'],
  )
})

test('the extended form has EXISTS, REGEXP, lists, numbers of the history, and nearness to the best', () => {
  const extended = (source: string) => {
    const { kind: _kind, ...rest } = parseFilter(source, RUN_SCHEMA, { extended: true }) as Comparison
    return rest
  }
  const loss = { entity: 'metric', key: 'loss' }
  const cases: [string, object][] = [
    ['EXISTS metrics.loss', { ...loss, operator: 'IS NOT NULL', value: null }],
    ["params.opt regexp '^a(d|b)'", { entity: 'parameter', key: 'opt', operator: 'REGEXP', value: '^a(d|b)' }],
    ["run_name RLIKE 'x'", { entity: 'attribute', key: 'run_name', operator: 'REGEXP', value: 'x' }],
    ["tags.team IN ('a', 'b')", { entity: 'tag', key: 'team', operator: 'IN', value: ['a', 'b'] }],
    ['metrics.loss NOT IN (1, 2.5)', { ...loss, operator: 'NOT IN', value: [1, 2.5] }],
    ['min(metrics.loss) < 0.1', { ...loss, operator: '<', value: 0.1, aggregate: 'min' }],
    ['LAST(metrics.`loss`) = 3', { ...loss, operator: '=', value: 3 }],
    ['metrics.loss WITHIN 1% OF BEST', { ...loss, operator: 'WITHIN', value: 0.01, best: 'min' }],
    [
      'metrics.acc within 0.5 % of best',
      { entity: 'metric', key: 'acc', operator: 'WITHIN', value: 0.005, best: 'max' },
    ],
    [
      'max(metrics.acc) WITHIN 2% OF MIN',
      { entity: 'metric', key: 'acc', operator: 'WITHIN', value: 0.02, aggregate: 'max', best: 'min' },
    ],
    ["parent = 'r1'", { entity: 'attribute', key: 'parent', operator: '=', value: 'r1' }],
    ["model IN ('a/1', 'b@prod')", { entity: 'attribute', key: 'model', operator: 'IN', value: ['a/1', 'b@prod'] }],
  ]
  for (const [source, expected] of cases) assert.deepEqual(extended(source), expected, source)
  const not = parseFilter("NOT EXISTS params.a AND NOT NOT status = 'x'", RUN_SCHEMA, { extended: true })
  assert.deepEqual(not?.kind === 'and' ? not.parts.map((part) => part.kind) : [], ['not', 'not'])
})

test('faults name their place', () => {
  const cases: [string, RegExp][] = [
    ['metrics.a > 1 AND', /at character 18: expected a name/],
    ['metrics.a > 1 AND metrics.b ~ 2', /Invalid comparator '~'.*at character 29/],
    ['(metrics.a > 1', /at character 15: expected a closing parenthesis/],
    ["params.a IN ('x'", /expected a comma or a closing parenthesis/],
    ['metrics.a > 1 metrics.b < 2', /'metrics\.b < 2' \(at character 15: expected AND or OR\)/],
    ['metrics.a WITHIN 5 OF BEST', /expected a share such as 1% OF BEST/],
    ['metrics.a WITHIN 5% OF ALL', /expected BEST, MIN or MAX/],
    ['min(params.a) > 1', /min, max, first and last are of metrics \(at character 5\)/],
    ["params.a REGEXP '(?=x)'", /Invalid regular expression '\(\?=x\)'.*\(at character 17\)/],
    ["run_name = 'a' OR nosuch = 1", /Invalid attribute key 'nosuch'.*\(at character 19\)/],
    ["metrics.a > 'x'", /Expected numeric value type for metric\. Found 'x' \(at character 13\)/],
  ]
  for (const [source, expected] of cases) {
    assert.throws(
      () => parseFilter(source, RUN_SCHEMA, { extended: true }),
      (error: { data?: Record<string, unknown> }) => {
        assert.match(String(error.data?.['detail']), expected, source)
        return true
      },
    )
  }
})

const REFUSED: [string, RegExp][] = [
  ["metrics.loss > 'a'", /^Expected numeric value type for metric\. Found 'a'/],
  ['start_time > "x"', /^Expected numeric value type for numeric attribute: start_time/],
  [
    'nonsense.x = 1',
    /^Invalid entity type 'nonsense'\. Valid values are \['metric', 'parameter', 'tag', 'attribute', 'dataset'\]/,
  ],
  ["nosuch = 'x'", /^Invalid attribute key 'nosuch' specified\. Valid keys are/],
  ["dataset.size = 'x'", /^Invalid dataset key 'size'/],
  ["params.opt == 'x'", /^Invalid comparator '=='/],
  ["metrics.a LIKE 'x'", /^Invalid comparator 'LIKE' not one of/],
  ['params.a = 5', /^Expected a quoted string value for parameter/],
  ['params.a = adam', /^Parameter value is either not quoted/],
  ['metrics.loss > 1 OR metrics.loss < 0', /^Invalid clause\(s\) in filter string/],
  ['(metrics.loss > 1)', /^Invalid clause\(s\) in filter string/],
  ['metrics.loss > 1 metrics.x < 2', /^Invalid clause\(s\) in filter string: 'metrics\.x < 2'/],
  ['metrics.loss >', /^Invalid clause\(s\)/],
  ["run_id IN ('a'", /^Invalid clause\(s\)/],
  ["params.a = 'unclosed", /^Invalid clause\(s\).*at character 12/],
  ['metrics.a = 1; DROP TABLE runs', /^Invalid clause\(s\)/],
  ['x'.repeat(20_001), /at most 20000/],
]

for (const [source, expected] of REFUSED) {
  test(`refuses ${source.slice(0, 40)}`, () => {
    assert.throws(
      () => parseFilter(source, RUN_SCHEMA),
      (error: { data?: Record<string, unknown> }) => {
        assert.match(String(error.data?.['detail']), expected)
        return error.data?.['mlflow_code'] === 'INVALID_PARAMETER_VALUE'
      },
    )
  })
}

test('depth and length are bounded', () => {
  const deep = `${'('.repeat(60)}metrics.a > 1${')'.repeat(60)}`
  assert.throws(() => parseFilter(deep, RUN_SCHEMA, { extended: true }), /nests deeper/)
  const long = Array.from({ length: 300 }, () => 'metrics.a > 1').join(' AND ')
  assert.throws(() => parseFilter(long, RUN_SCHEMA), /more than 200 comparisons/)
})

test('order clauses', () => {
  assert.deepEqual(parseOrder('metrics.`a b` DESC', RUN_SCHEMA), {
    entity: 'metric',
    key: 'a b',
    type: 'number',
    descending: true,
  })
  assert.deepEqual(parseOrder('start_time', RUN_SCHEMA), {
    entity: 'attribute',
    key: 'start_time',
    type: 'number',
    descending: false,
  })
  assert.deepEqual(parseOrder('MIN(metrics.loss) DESC', RUN_SCHEMA), {
    entity: 'metric',
    key: 'loss',
    type: 'number',
    descending: true,
    aggregate: 'min',
  })
  assert.throws(() => parseOrder('min(params.x)', RUN_SCHEMA), /are of metrics/)
  assert.throws(() => parseOrder('metrics.x SIDEWAYS', RUN_SCHEMA), /Invalid ordering key/)
  assert.throws(() => parseOrder('metrics.x ASC DESC', RUN_SCHEMA), /could not be parsed/i)
  assert.throws(() => parseOrder("'x'", RUN_SCHEMA), /could not be parsed/i)
})
