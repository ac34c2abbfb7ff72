/** The examples that AWS publishes for the signature of S3 requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EMPTY_HASH, encodeSegment, presigned, signed } from './sign.ts'

const scope = {
  region: 'us-east-1',
  at: Date.UTC(2013, 4, 24),
  credentials: {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  },
}
const host = 'examplebucket.s3.amazonaws.com'

function signatureOf(request: Partial<Parameters<typeof signed>[0]>): string {
  const headers = signed(
    { method: 'GET', path: '/', query: {}, headers: { host }, contentHash: EMPTY_HASH, ...request },
    scope,
  )
  return /Signature=([0-9a-f]{64})$/.exec(headers['authorization'] ?? '')?.[1] ?? ''
}

test('the published examples of AWS have the published signatures', () => {
  assert.equal(
    signatureOf({ path: '/test.txt', headers: { host, range: 'bytes=0-9' } }),
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  )
  assert.equal(
    signatureOf({
      method: 'PUT',
      path: '/test%24file.text',
      headers: { host, date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      contentHash: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    }),
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  )
  assert.equal(
    signatureOf({ query: { lifecycle: '' } }),
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  )
  assert.equal(
    signatureOf({ query: { prefix: 'J', 'max-keys': '2' } }),
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  )
})

test('the published example of a presigned address has the published signature', () => {
  const query = presigned({ method: 'GET', path: '/test.txt', query: {}, headers: { host } }, scope, 86_400)
  assert.match(query, /&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404$/)
  assert.throws(() => presigned({ method: 'GET', path: '/', query: {}, headers: { host } }, scope, 604_801), /604800/)
})

test('a session token is sent and signed; odd characters are encoded', () => {
  const headers = signed(
    { method: 'GET', path: '/', query: {}, headers: { host }, contentHash: EMPTY_HASH },
    { ...scope, credentials: { ...scope.credentials, sessionToken: 'for-an-hour' } },
  )
  assert.equal(headers['x-amz-security-token'], 'for-an-hour')
  assert.match(headers['authorization'] ?? '', /x-amz-security-token/)
  assert.equal(encodeSegment("a b/c(d)!'*~-._é"), 'a%20b%2Fc%28d%29%21%27%2A~-._%C3%A9')
})
