/** The search grammar: what it reads, and how it refuses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter, parseOrder } from './filter.ts'
import type { Comparison } from './filter.ts'
import { RUN_SCHEMA } from './run-conditions.ts'

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
  assert.throws(() => parseOrder('metrics.x SIDEWAYS', RUN_SCHEMA), /Invalid ordering key/)
  assert.throws(() => parseOrder('metrics.x ASC DESC', RUN_SCHEMA), /could not be parsed/i)
  assert.throws(() => parseOrder("'x'", RUN_SCHEMA), /could not be parsed/i)
})
