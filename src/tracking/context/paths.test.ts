/** Paths of artifacts: hostile ones are refused in every form, plain ones find their owner. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseName, placeOf, placeOfUri, safePath } from './paths.ts'

const HOSTILE = [
  '../a',
  'a/../../b',
  '/etc/passwd',
  '%2e%2e/a',
  '%252e%252e%252fa',
  '%25252e%25252e/a',
  'a\\b',
  'a%5c..%5cb',
  'C:/x',
  'c:x',
  'a#b',
  'a%23b',
  'file:///etc/passwd',
  'http://host/x',
  'a\u0000b',
  'a%00b',
  'a\nb',
  `${'a/'.repeat(3000)}x`,
]

for (const path of HOSTILE) {
  test(`refuses ${JSON.stringify(path.slice(0, 30))}`, () => {
    assert.throws(
      () => safePath(path),
      (error: { data?: { detail?: string } }) => error.data?.detail === 'Invalid path',
    )
  })
}

test('plain paths stay as they are, without empty parts', () => {
  assert.equal(safePath('a//b/./c.txt'), 'a/b/c.txt')
  assert.equal(safePath(''), '')
  assert.equal(safePath('naïve name (1).txt'), 'naïve name (1).txt')
  assert.equal(safePath('100%.txt'), '100%.txt')
  assert.equal(safePath('..a/b..'), '..a/b..')
})

test('the owner is what stands before the artifacts folder', () => {
  assert.deepEqual(placeOf('1/abc/artifacts/m/x.txt'), { owner: '1/abc', path: 'm/x.txt' })
  assert.deepEqual(placeOf('1/models/m-1/artifacts'), { owner: '1/models/m-1', path: '' })
  assert.deepEqual(placeOf('1/abc/artifacts/artifacts/x'), { owner: '1/abc', path: 'artifacts/x' })
  assert.deepEqual(placeOf('loose/x'), { owner: '', path: 'loose/x' })
  assert.deepEqual(placeOf('artifacts/x'), { owner: '', path: 'artifacts/x' })
  assert.deepEqual(placeOfUri('mlflow-artifacts:/1/r/artifacts'), { owner: '1/r', path: '' })
  assert.deepEqual(placeOfUri('mlflow-artifacts://host:80/1/r/artifacts/a'), { owner: '1/r', path: 'a' })
  assert.equal(placeOfUri('s3://bucket/1/r/artifacts'), undefined)
  assert.equal(baseName('C:\\x\\y.bin'), 'y.bin')
})
