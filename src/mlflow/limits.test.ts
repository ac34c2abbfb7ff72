/** Limits of keys, values and batches, at each side of every bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkBatch, checkExperimentName, checkKey, checkLength, checkRunId, checkTimestamp, cut } from './limits.ts'

const refused = (work: () => unknown, text: RegExp): void =>
  assert.throws(work, (error: { data?: Record<string, unknown> }) => {
    assert.match(String(error.data?.['detail']), text)
    return true
  })

for (const key of ['a', 'a/b', 'a.b-c_d e:f', 'ünïcode', '日本', 'a'.repeat(250), 'a..b', '.a']) {
  test(`the key ${key.slice(0, 20)} is taken`, () => checkKey(key, 'key', 'Key'))
}
for (const [key, text] of [
  ['a\nb', /may only contain/],
  ['a;b', /may only contain/],
  ['a=b', /may only contain/],
  ['a\\b', /may only contain/],
  ['/a', /resolve to '\/a'/],
  ['../a', /resolve to '\.\.\/a'/],
  ['a/../b', /resolve to 'b'/],
  ['a//b', /resolve to 'a\/b'/],
  ['a/', /resolve to 'a'/],
  ['.', /resolve to '\.'/],
  ['', /resolve to '\.'/],
  ['..', /resolve to '\.\.'/],
  ['..a', /resolve to '\.\.a'/],
  ['a'.repeat(251), /'Key' exceeds the maximum length of 250 characters/],
] as const) {
  test(`the key ${JSON.stringify(key.slice(0, 20))} is refused`, () => {
    refused(() => checkKey(key, 'tags[0].key', 'Key'), text)
  })
}

for (const id of ['a', '0', 'a-b_c', 'aé', 'a'.repeat(256)]) {
  test(`${id.slice(0, 12)} may be the id of a run`, () => checkRunId(id))
}
for (const id of ['', '-a', '_a', 'é', 'a b', 'a/b', 'a'.repeat(257), 'a\n']) {
  test(`${JSON.stringify(id.slice(0, 12))} is no id of a run`, () => refused(() => checkRunId(id), /'run_id'/))
}

test('characters beyond the BMP count once, and none is cut in half', () => {
  const pairs = '🚀'.repeat(5)
  assert.equal(cut(pairs, 5), pairs)
  assert.equal(cut(pairs, 4), '🚀'.repeat(4))
  assert.equal(cut('a🚀b', 2), 'a🚀')
  assert.equal(cut('a🚀b', 1), 'a')
  assert.equal(cut('abc', 3), 'abc')
  assert.equal(cut('abc', 0), '')
  checkLength(pairs, 'x', 5)
  refused(() => checkLength(pairs, 'x', 4), /'x' exceeds the maximum length of 4 characters/)
  refused(() => checkLength('a'.repeat(9), 'x', 4), /maximum length of 4/)
  checkLength(undefined, 'x', 0)
})

const params = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `p${i}` }))
test('a batch holds 1000 metrics, 100 params, 100 tags and 1000 in all', () => {
  checkBatch(1000, [], 0)
  checkBatch(800, params(100), 100)
  refused(() => checkBatch(1001, [], 0), /at most 1000 metrics\. Got 1001 metrics/)
  refused(() => checkBatch(0, params(101), 0), /at most 100 params\. Got 101 params/)
  refused(() => checkBatch(0, [], 101), /at most 100 tags\. Got 101 tags/)
  refused(() => checkBatch(801, params(100), 100), /at most 1000 metrics, params, and tags\. Got 1001/)
})

test('a param that is logged twice by one batch is named once', () => {
  refused(() => checkBatch(0, [...params(3), ...params(2), ...params(2)], 0), /submitted: \['p0', 'p1'\]/)
})

test('times before 1970 are refused with the metric as Python writes it', () => {
  checkTimestamp({ key: 'm', value: 1, timestamp: 0 }, 'timestamp')
  refused(() => checkTimestamp({ key: 'm', value: 1, timestamp: -1 }, 'timestamp'), /metric 'm' \(value=1\.0\)/)
  refused(() => checkTimestamp({ key: 'm', value: 0.5, timestamp: -1 }, 'timestamp'), /value=0\.5/)
  refused(() => checkTimestamp({ key: 'm', value: 1e16, timestamp: -1 }, 'timestamp'), /value=10000000000000000\)/)
})

test('experiments have names of 1 to 500 characters that are not all blank', () => {
  checkExperimentName('a')
  checkExperimentName('a'.repeat(500))
  for (const name of [undefined, '', ' \t']) refused(() => checkExperimentName(name), /Missing value .* 'name'/)
  refused(() => checkExperimentName('a'.repeat(501)), /maximum length of 500/)
})
