/** Arguments of MLflow calls: what is taken, and the texts of what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bool, double, int, list, need, object, oneOf, readFields, text } from './input.ts'

const metric = {
  run_id: need(text()),
  key: need(text()),
  value: need(double()),
  timestamp: need(int()),
  step: int(),
}

const good = { run_id: 'r', key: 'k', value: 1.5, timestamp: 3 }

test('reads what is described and ignores the rest', () => {
  assert.deepEqual(readFields(metric, { ...good, step: '-7', model_uuid: 'x' }), { ...good, step: -7 })
  assert.deepEqual(readFields(metric, { ...good, run_id: undefined, run_uuid: 'old' }).run_id, 'old')
  assert.deepEqual(readFields({ tags: list(text()) }, {}), { tags: [] })
})

test('a missing value is named, with its path', () => {
  for (const run_id of [null, '', undefined]) {
    assert.throws(
      () => readFields(metric, { ...good, run_id }),
      detail(/^Missing value for required parameter 'run_id'\. See the API docs/),
    )
  }
  const batch = { metrics: list(need(object(metric))) }
  assert.throws(
    () => readFields(batch, { metrics: [good, { ...good, timestamp: null }] }),
    detail(/^Missing value for required parameter 'metrics\[1\]\.timestamp'/),
  )
})

test('a wrong type is said with the value and the type in Python’s words', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { run_id: 31 },
      /^Invalid value 31 for parameter 'run_id' supplied: {2}Hint: Value was of type 'int'\. See the API docs/,
    ],
    [{ step: 'foo' }, /^Invalid value "foo" for parameter 'step' supplied: .*'str'/],
    [{ timestamp: [1] }, /^Invalid value \[1\] for parameter 'timestamp' supplied: .*'list'/],
    [{ value: 'x' }, /^Invalid value "x" for parameter 'value' supplied/],
    [{ value: true }, /'bool'/],
    [{ key: { a: 1 } }, /'dict'/],
  ]
  for (const [wrong, expected] of cases)
    assert.throws(() => readFields(metric, { ...good, ...wrong }), detail(expected))
})

test('numbers that JSON cannot hold travel as text; integers beyond 2^53 are refused', () => {
  const read = (value: unknown) => readFields({ x: double() }, { x: value }).x
  assert.ok(Number.isNaN(read('NaN')))
  assert.equal(read('Infinity'), Infinity)
  assert.equal(read('-Infinity'), -Infinity)
  assert.equal(read('1e3'), 1000)
  const whole = (value: unknown) => readFields({ n: int() }, { n: value }).n
  assert.equal(whole(2 ** 53 - 1), 2 ** 53 - 1)
  assert.equal(whole('9007199254740991'), 2 ** 53 - 1)
  assert.throws(() => whole(2 ** 53), detail(/within ±\(2\^53 - 1\)/))
  assert.throws(() => whole('99999999999999999999'), detail(/within/))
})

test('enums by name or number, booleans in words', () => {
  const of = { view: oneOf({ ACTIVE_ONLY: 1, ALL: 3 }), on: bool() }
  assert.deepEqual(readFields(of, { view: 3, on: 'TRUE' }), { view: 'ALL', on: true })
  assert.deepEqual(readFields(of, { view: 'ACTIVE_ONLY', on: false }), { view: 'ACTIVE_ONLY', on: false })
  assert.throws(() => readFields(of, { view: 'toString' }), detail(/parameter 'view'/))
  assert.throws(() => readFields(of, { on: 'yes' }), detail(/must be 'true' or 'false'/))
})

function detail(pattern: RegExp) {
  return (error: { data?: { detail?: string; mlflow_code?: string } }) => {
    assert.match(error.data?.detail ?? '', pattern)
    assert.equal(error.data?.mlflow_code, 'INVALID_PARAMETER_VALUE')
    return true
  }
}
