/** Arguments that many calls share: tags without a value, and page sizes at both ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { done, pageSize, tagFields, tagsOf } from './fields.ts'

test('a tag without a value has an empty one; one without a key is refused', () => {
  const read = (value: unknown) => tagFields.read(value, 'tags[0]')
  assert.deepEqual(
    tagsOf([read({ key: 'a' }), read(undefined), read({ key: 'b', value: '' }), read({ key: 'c', value: 'd' })]),
    [
      { key: 'a', value: '' },
      { key: 'b', value: '' },
      { key: 'c', value: 'd' },
    ],
  )
  for (const tag of [{}, { key: '' }, { key: null, value: 'x' }]) assert.throws(() => read(tag), { data: missingKey })
})

const DETAIL =
  "Missing value for required parameter 'tags[0].key'. See the API docs for more information about request parameters."
const missingKey = {
  detail: DETAIL,
  what: 'resource',
  id: DETAIL,
  value: DETAIL,
  mlflow_code: 'INVALID_PARAMETER_VALUE',
}

for (const [value, size] of [
  [undefined, 100],
  [1, 1],
  [50_000, 50_000],
] as const) {
  test(`a page of ${value} has ${size} items`, () => assert.equal(pageSize(value, 100), size))
}

for (const [value, most, text] of [
  [0, undefined, /Invalid value 0 for parameter 'max_results' supplied\. It must be a positive integer/],
  [-1, undefined, /must be a positive integer/],
  [50_001, undefined, /at most 50000/],
  [201, 200, /at most 200/],
] as const) {
  test(`a page of ${value} is refused where ${most ?? 50_000} are the most`, () => {
    assert.throws(
      () => pageSize(value, 100, most),
      (error: { data: { detail: string } }) => text.test(error.data.detail),
    )
  })
}

test('a page of exactly the most that a call has is given', () => assert.equal(pageSize(200, 100, 200), 200))

test('the empty reply comes after the work, and not when it failed', async () => {
  const order: string[] = []
  const work = Promise.resolve().then(() => order.push('work'))
  assert.deepEqual(await done(work), {})
  assert.deepEqual(order, ['work'])
  await assert.rejects(done(Promise.reject(new Error('full'))), /full/)
})
