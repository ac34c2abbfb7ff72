/** Rows to the tensors of a graph and back: which input feeds what, what a type can hold, and shapes that are one answer a row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InputField } from '../rows/fields.ts'
import type { Value } from '../rows/rows.ts'
import type { GraphInfo, TensorOf } from './tensors.ts'
import { onlyOutput, planFeeds, toAnswers, toScored, toTensors } from './tensors.ts'

const field = (name: string, kind: InputField['kind'] = 'number'): InputField => ({
  name,
  kind,
  required: true,
  dtype: '-',
})
const OUT = { name: 'y', type: 'float32', shape: ['N', 1] }
const graphOf = (...inputs: GraphInfo['inputs']): GraphInfo => ({ inputs, outputs: [OUT] })
const taking = (name: string, type: string, ...shape: (number | string)[]) => ({ name, type, shape })

/** The tensors that a graph of these inputs gets. */
function fed(graph: GraphInfo, inputs: readonly InputField[], rows: readonly Value[][]) {
  return toTensors(planFeeds(graph, inputs), rows)
}

test('one tensor takes all inputs in their order, row by row', () => {
  const tensors = fed(
    graphOf(taking('X', 'float32', 'N', 2)),
    [field('b'), field('a')],
    [
      [1.5, null],
      [0.1, Infinity],
    ],
  )
  assert.deepEqual(tensors, {
    X: { type: 'float32', dims: [2, 2], data: Float32Array.of(1.5, Number.NaN, Math.fround(0.1), Infinity) },
  })
})

test('several tensors take the inputs by name, whatever their order, of one or two dimensions', () => {
  const graph = graphOf(taking('a', 'float64', 'N'), taking('t', 'string', 'N', 1), taking('on', 'bool', 'N', 1))
  const inputs = [field('t', 'string'), field('on', 'boolean'), field('unused'), field('a')]
  assert.deepEqual(
    fed(graph, inputs, [
      ['x', true, 9, 0.1],
      [null, false, 9, -0],
    ]),
    {
      a: { type: 'float64', dims: [2], data: Float64Array.of(0.1, -0) },
      t: { type: 'string', dims: [2, 1], data: ['x', ''] },
      on: { type: 'bool', dims: [2, 1], data: Uint8Array.of(1, 0) },
    },
  )
})

test('no rows are tensors without rows', () => {
  const { X } = fed(graphOf(taking('X', 'float32', 'N', 2)), [field('a'), field('b')], [])
  assert.deepEqual([X?.dims, X?.data.length], [[0, 2], 0])
})

test('whole numbers keep every digit in int64, and their range in int32', () => {
  const most = 2n ** 63n - 1n
  const wide = fed(graphOf(taking('X', 'int64', 'N', 1)), [field('n', 'integer')], [[most], [-5], [2 ** 53 - 1]])
  assert.deepEqual(wide['X']?.data, BigInt64Array.of(most, -5n, 2n ** 53n - 1n))
  const narrow = fed(graphOf(taking('X', 'int32', 'N', 1)), [field('n', 'integer')], [[2 ** 31 - 1], [-(2 ** 31)]])
  assert.deepEqual(narrow['X']?.data, Int32Array.of(2 ** 31 - 1, -(2 ** 31)))
})

for (const [type, value] of [
  ['int32', 2 ** 31],
  ['int32', -(2 ** 31) - 1],
  ['int32', 2n ** 60n],
  ['int32', 1.5],
  ['int32', Infinity],
  ['int64', 1.5],
  ['int64', Infinity],
] as const) {
  test(`${value} is refused where the graph takes ${type}: it would be another number there`, () => {
    assert.throws(
      () => fed(graphOf(taking('X', type, 'N', 1)), [field('n')], [[value]]),
      /no whole number of int\d\d, .*"X"/,
    )
  })
}

for (const type of ['int32', 'int64', 'bool']) {
  test(`a missing value is refused where the graph takes ${type}`, () => {
    assert.throws(() => fed(graphOf(taking('X', type, 'N', 1)), [field('n')], [[null]]), /missing, and tensor "X"/)
  })
}

for (const [what, graph, inputs, message] of [
  [
    'another number of columns',
    graphOf(taking('X', 'float32', 'N', 3)),
    [field('a')],
    /"X" has 3 columns, and the signature 1 inputs/,
  ],
  [
    'numbers where an input is a text',
    graphOf(taking('X', 'float32', 'N', 1)),
    [field('t', 'string')],
    /takes numbers, and input "t" is a text/,
  ],
  [
    'a type that is not served',
    graphOf(taking('X', 'float16', 'N', 1)),
    [field('a')],
    /has type float16, which is not served/,
  ],
  [
    'a type that every object has',
    graphOf(taking('X', 'constructor', 'N', 1)),
    [field('a')],
    /has type constructor, which is not served/,
  ],
  ['three dimensions', graphOf(taking('X', 'float32', 'N', 1, 1)), [field('a')], /has 3 dimensions, not 1 or 2/],
  ['no dimension', graphOf(taking('X', 'float32')), [field('a')], /has 0 dimensions/],
  [
    'a tensor of no input',
    graphOf(taking('a', 'float32', 'N'), taking('b', 'float32', 'N')),
    [field('a')],
    /"b" has no input of that name/,
  ],
  [
    'an output that is no tensor',
    { ...graphOf(taking('X', 'float32', 'N', 1)), outputs: [{ ...OUT, type: '' }] },
    [field('a')],
    /zipmap=False/,
  ],
] as const) {
  test(`a graph is refused: ${what}`, () => assert.throws(() => planFeeds(graph, inputs), message))
}

test('a free width takes any number of inputs', () => {
  for (const width of ['F', -1, 0]) {
    const { X } = fed(graphOf(taking('X', 'float32', 'N', width)), [field('a'), field('b')], [[1, 2]])
    assert.deepEqual(X?.dims, [1, 2])
  }
})

test('of several outputs one is the answer; one that is not there is told', () => {
  const graph = { inputs: [], outputs: [OUT, { ...OUT, name: 'z' }] }
  assert.deepEqual(onlyOutput(graph, 'z').outputs, [{ ...OUT, name: 'z' }])
  assert.throws(() => onlyOutput(graph, 'w'), /no output "w"/)
})

const floats = (dims: number[], ...values: number[]): TensorOf => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
})
const whole = (dims: number[], ...values: bigint[]): TensorOf => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values),
})
const ANSWER = { output: 'y', list: false }

test('one output is a value or a list a row; a dimension of one is none', () => {
  for (const dims of [[2], [2, 1], [2, 1, 1]])
    assert.deepEqual(toScored([['y', floats(dims, 0.5, 2)]], 2), [
      { prediction: 0.5, score: 0.5 },
      { prediction: 2, score: 2 },
    ])
  for (const dims of [
    [2, 2],
    [2, 1, 2],
    [2, 2, 1],
  ])
    assert.deepEqual(
      toScored([['y', floats(dims, 0.25, 0.75, 1, 0)]], 2).map(({ prediction, score }) => [prediction, score]),
      [
        [[0.25, 0.75], 0.75],
        [[1, 0], 0],
      ],
    )
})

test('several outputs are an object a row; the last of fractions is judged', () => {
  const outputs: [string, TensorOf][] = [
    ['label', whole([1], 2n ** 60n)],
    ['probabilities', floats([1, 2], 0.25, 0.75)],
    ['more', whole([1], 5n)],
  ]
  assert.deepEqual(toScored(outputs, 1), [
    { prediction: { label: 2n ** 60n, probabilities: [0.25, 0.75], more: 5 }, score: 0.75 },
  ])
})

test('an export answers as the Python model does: NaN is null, lists stay lists, columns keep their names', () => {
  const y = floats([2], Number.NaN, 1)
  assert.deepEqual(toAnswers([['y', y]], 2, ANSWER), [
    { prediction: null, score: null },
    { prediction: 1, score: 1 },
  ])
  assert.deepEqual(toAnswers([['y', y]], 2, { ...ANSWER, list: true, columns: ['c'] }), [
    { prediction: [null], score: null, columns: ['c'] },
    { prediction: [1], score: 1, columns: ['c'] },
  ])
  assert.throws(() => toAnswers([['z', y]], 2, ANSWER), /did not compute "y"/)
})

for (const [dims, message] of [
  [[1], /has 1 rows for 2/],
  [[3], /has 3 rows for 2/],
  [[], /has 0 rows for 2/],
] as const) {
  test(`an output of shape [${dims.join(', ')}] is no answer to two rows`, () => {
    const tensor = floats([...dims], ...Array.from({ length: 8 }, () => 1))
    assert.throws(() => toScored([['y', tensor]], 2), message)
    assert.throws(() => toAnswers([['y', tensor]], 2, ANSWER), message)
  })
}

test('an output of several dimensions a row answers lists within lists', () => {
  const tensor = floats([2, 2, 3], ...Array.from({ length: 12 }, (_, i) => i))
  const [first, second] = toScored([['y', tensor]], 2)
  assert.deepEqual(first, { prediction: [[0, 1, 2], [3, 4, 5]], score: null }) // prettier-ignore
  assert.deepEqual(second, { prediction: [[6, 7, 8], [9, 10, 11]], score: null }) // prettier-ignore
  const missing = floats([1, 2, 2], 1, Number.NaN, 3, 4)
  assert.deepEqual(toAnswers([['y', missing]], 1, ANSWER)[0]?.prediction, [[1, null], [3, 4]]) // prettier-ignore
})
