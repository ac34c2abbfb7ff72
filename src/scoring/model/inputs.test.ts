/** Inputs from a model's signature: MLflow's types, tensors of any shape, and signatures that are refused with what to do. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readInputs } from './inputs.ts'

const dir = mkdtempSync(join(tmpdir(), 'inputs-'))
after(() => rmSync(dir, { recursive: true, force: true }))

/** Reads the inputs of a model whose MLmodel file is this text. */
function read(text: string) {
  writeFileSync(join(dir, 'MLmodel'), text)
  return readInputs(dir, null)
}

/** The same of a signature, written as MLflow writes it: JSON within YAML. */
const signed = (inputs: unknown, outputs?: unknown) =>
  read(JSON.stringify({ signature: { inputs: JSON.stringify(inputs), outputs: outputs && JSON.stringify(outputs) } }))

const tensor = (dtype: unknown, shape: unknown) => [{ type: 'tensor', 'tensor-spec': { dtype, shape } }]

for (const [type, kind] of [
  ['double', 'number'],
  ['float', 'number'],
  ['long', 'integer'],
  ['integer', 'integer'],
  ['boolean', 'boolean'],
  ['string', 'string'],
  ['datetime', 'string'],
  ['binary', 'string'],
] as const) {
  test(`a column of ${type} is fed with a ${kind}`, async () => {
    const { inputs, tensor: array } = await signed([{ name: 'a', type }])
    assert.deepEqual([inputs, array], [[{ name: 'a', kind, required: true, dtype: type }], null])
  })
}

test('columns keep their order; one is required unless the signature says that it is not', async () => {
  const columns = [
    { name: 'b', type: 'double', required: false },
    { name: 'a', type: 'long', required: true },
    { name: '', type: 'string', optional: true },
  ]
  const { inputs } = await signed(columns)
  assert.deepEqual(
    inputs.map(({ name, required }) => [name, required]),
    [
      ['b', false],
      ['a', true],
      ['', true],
    ],
  )
})

test('a tensor has an input for each value of a row, in row-major order', async () => {
  const flat = await signed(tensor('float32', [-1, 3]))
  assert.deepEqual(flat, {
    inputs: ['x0', 'x1', 'x2'].map((name) => ({ name, kind: 'number', required: true, dtype: 'float32' })),
    tensor: 'float32',
  })
  const deep = await signed(tensor('int64', [-1, 2, 3]))
  assert.deepEqual([deep.inputs.length, deep.dims], [6, [2, 3]])
  const single = await signed(tensor('str', [-1]))
  assert.deepEqual([single.inputs.map(({ name }) => name), single.dims], [['x0'], []])
  assert.equal((await signed(tensor('bool', [-1, 100, 100]))).inputs.length, 10_000)
})

test('one column without a name is a list of values', async () => {
  const { inputs, list } = await signed([{ type: 'string' }])
  assert.deepEqual([inputs, list], [[{ name: 'x0', kind: 'string', required: true, dtype: 'string' }], true])
})

test('a signature may stand in YAML as it is, and says what the answers look like', async () => {
  const { inputs, answers } = await read(
    'signature:\n  inputs:\n  - {name: a, type: double}\n  outputs: \'[{"type": "double"}, {"type": "double"}]\'\n',
  )
  assert.equal(inputs.length, 1)
  assert.deepEqual(answers, { datatype: 'FP64', shape: [-1, 2] })
})

for (const [what, inputs, message] of [
  ['no columns', [], /its signature has no inputs/],
  ['an object', {}, /its signature has no inputs/],
  ['a number', 5, /its signature has no inputs/],
  ['columns that are none', [{ name: 'a', type: 'double' }, null], /inputs that are no columns/],
  ['columns of which one has no name', [{ name: 'a', type: 'double' }, { type: 'double' }], /columns without names/],
  ['a name that is a number', [{ name: 5, type: 'double' }], /columns without names/],
  [
    'a type that is not served',
    [{ name: 'a', type: 'array' }],
    /input "a" has type "array"; served are double, float,/,
  ],
  ['no type', [{ name: 'a' }], /input "a" has type undefined/],
  ['a type that every object has', [{ name: 'a', type: 'constructor' }], /input "a" has type "constructor"/],
  ['two tensors', [...tensor('float64', [-1, 2]), ...tensor('float64', [-1, 2])], /of tensors one of shape/],
  ['a tensor of a fixed number of rows', tensor('float64', [5, 2]), /of tensors one of shape/],
  ['a tensor with a free inner dimension', tensor('float64', [-1, -1]), /of tensors one of shape/],
  ['a tensor without columns', tensor('float64', [-1, 0]), /of tensors one of shape/],
  ['a tensor of more than 10,000 values a row', tensor('float64', [-1, 100, 101]), /at most 10000/],
  ['a tensor of complex numbers', tensor('complex128', [-1, 2]), /of tensors one of shape/],
  ['a tensor of a type that every object has', tensor('toString', [-1, 2]), /of tensors one of shape/],
  ['a tensor of no type', tensor(undefined, [-1, 2]), /of tensors one of shape/],
  ['a tensor of no shape', tensor('float64', undefined), /of tensors one of shape/],
  ['a tensor whose shape is a number', tensor('float64', 5), /of tensors one of shape/],
  ['a tensor whose shape is null', tensor('float64', null), /of tensors one of shape/],
  ['a tensor without a description', [{ type: 'tensor' }], /of tensors one of shape/],
] as const) {
  test(`a signature of ${what} is refused, with how to log the model`, async () => {
    await assert.rejects(signed(inputs), (error: { code?: string; data: { detail: string } }) => {
      assert.equal(error.code, 'unprocessable')
      assert.match(error.data.detail, message)
      assert.match(
        error.data.detail,
        /^the model cannot be served: .* Log it with a signature of named columns: mlflow\./,
      )
      return true
    })
  })
}

for (const [what, text, message] of [
  ['is empty', '', /logged without a signature/],
  ['has no signature', 'flavors: {}', /logged without a signature/],
  ['has an empty signature', 'signature: null', /logged without a signature/],
  ['is no YAML', 'a: [', /its MLmodel file cannot be read/],
  ['has inputs that are no JSON', 'signature: {inputs: "[{"}', /its signature cannot be read/],
  ['has outputs that are no JSON', "signature: {inputs: '[]', outputs: '['}", /its signature cannot be read/],
] as const) {
  test(`an MLmodel file that ${what} is refused`, async () => {
    await assert.rejects(read(text), { code: 'unprocessable', message })
  })
}

test('an MLmodel that cannot be read is a fault, and no model without one', async () => {
  const folder = join(dir, 'folder')
  mkdirSync(join(folder, 'MLmodel'), { recursive: true })
  await assert.rejects(readInputs(folder, null), { code: 'EISDIR' })
})

test('a folder without an MLmodel file is refused', async () => {
  await assert.rejects(readInputs(join(dir, 'nosuch'), null), { code: 'unprocessable', message: /has no MLmodel file/ })
})
