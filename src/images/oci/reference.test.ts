/** Names of images: what each part is, and which part of a wrong one is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference, referenceText } from './reference.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

test('a name is taken apart, and put together again as it was', () => {
  for (const [given, parts] of [
    ['layout:image', { kind: 'layout', dir: 'image', tag: undefined, digest: undefined }],
    ['layout:/a/b.c:v1', { kind: 'layout', dir: '/a/b.c', tag: 'v1', digest: undefined }],
    [`layout:a@${DIGEST}`, { kind: 'layout', dir: 'a', tag: undefined, digest: DIGEST }],
    ['ghcr.io/o/r', { kind: 'registry', host: 'ghcr.io', repository: 'o/r', tag: undefined, digest: undefined }],
    ['localhost/r:1', { kind: 'registry', host: 'localhost', repository: 'r', tag: '1', digest: undefined }],
    [
      '127.0.0.1:5000/a_b/c-d',
      { kind: 'registry', host: '127.0.0.1:5000', repository: 'a_b/c-d', tag: undefined, digest: undefined },
    ],
    [`[::1]:5000/r:t@${DIGEST}`, { kind: 'registry', host: '[::1]:5000', repository: 'r', tag: 't', digest: DIGEST }],
  ] as const) {
    assert.deepEqual(parseReference(given), parts)
    assert.equal(referenceText(parseReference(given)), given)
  }
})

test('what is no name says which part is wrong', () => {
  for (const [given, expected] of [
    ['busybox', /REGISTRY\/REPOSITORY/],
    ['library/busybox', /host name/],
    ['ghcr.io/Upper', /lower-case/],
    ['ghcr.io/a/../b', /lower-case/],
    ['ghcr.io/a:b c', /tag/],
    ['ghcr.io/a:', /tag/],
    ['ghcr.io/a@sha256:12', /digest/],
    [`ghcr.io/a@${DIGEST}@${DIGEST}`, /digest/],
    ['https://ghcr.io/a', /tag|REGISTRY/],
    ['layout:', /layout:FOLDER/],
    ['user:pw@ghcr.io/a', /digest/],
    ['', /REGISTRY/],
  ] as const)
    assert.throws(() => parseReference(given, '--out'), { code: 'invalid_field', message: expected }, given)
})
