/** What a signature promises of the answers: one number, several, true or false, texts, or nothing that is served so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { answerOf } from './outputs.ts'

const column = (...types: unknown[]) => types.map((type) => ({ type }))
const tensor = (dtype: unknown, shape: unknown) => ({ type: 'tensor', 'tensor-spec': { dtype, shape } })
const numbers = (...width: number[]) => ({ datatype: 'FP64', shape: [-1, ...width] })
const TEXTS = { datatype: 'BYTES', shape: [-1] }

for (const [outputs, answer] of [
  [column('double'), numbers()],
  [column('long'), numbers()],
  [column('integer'), numbers()],
  [column('float'), numbers()],
  [column('double', 'double', 'long'), numbers(3)],
  [column('boolean'), { datatype: 'BOOL', shape: [-1] }],
  [column('boolean', 'boolean'), TEXTS],
  [column('string'), TEXTS],
  [column('double', 'string'), TEXTS],
  [column('doubles'), TEXTS],
  [column(undefined), TEXTS],
  [[{ type: 'double' }, null], TEXTS],
  [[tensor('float64', [-1])], numbers()],
  [[tensor('uint8', [-1])], numbers()],
  [[tensor('bool', [-1])], { datatype: 'BOOL', shape: [-1] }],
  [[tensor('str', [-1])], TEXTS],
  [[tensor('float32', [-1, 3])], numbers(3)],
  [[tensor('float32', [-1, 1])], numbers(1)],
  [[tensor('str', [-1, 3])], undefined],
  [[tensor('float64', [-1, -1])], undefined],
  [[tensor('float64', [-1, 0])], undefined],
  [[tensor('float64', [-1, 1.5])], undefined],
  [[tensor('float64', [-1, 2, 2])], undefined],
  [[tensor('float64', [5, 2])], undefined],
  [[tensor('float64', null)], undefined],
  [[{ type: 'tensor' }], undefined],
  [[tensor('float64', [-1]), tensor('float64', [-1])], undefined],
  [[], undefined],
  [undefined, undefined],
  [null, undefined],
  ['[]', undefined],
  [{}, undefined],
] as const) {
  test(`${inspect(outputs, { depth: 5, breakLength: Infinity })} promises ${answer === undefined ? 'nothing' : `${answer.datatype} [${answer.shape.join(', ')}]`}`, () => {
    assert.deepEqual(answerOf(outputs), answer)
  })
}
