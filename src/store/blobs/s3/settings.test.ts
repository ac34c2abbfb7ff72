/** Where blobs lie in S3: what a URL and the variables of AWS's tools mean, and which are refused, by name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { s3Settings } from './settings.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }

test('a URL and the variables say server, style, bucket, prefix and region', () => {
  const cases: [string, Record<string, string>, object][] = [
    ['s3://bucket', {}, { origin: 'https://bucket.s3.us-east-1.amazonaws.com', base: '', prefix: '' }],
    ['s3://a.dot', {}, { origin: 'https://s3.us-east-1.amazonaws.com', base: '/a.dot', bucket: 'a.dot' }],
    ['s3://bucket/a/b', {}, { prefix: 'a/b/' }],
    ['s3://bucket', { AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-1' }, { region: 'eu-west-1' }],
    ['s3://bucket', { AWS_REGION: 'r1', AWS_DEFAULT_REGION: 'r2' }, { region: 'r1' }],
    ['s3://bucket', { AWS_ENDPOINT_URL: 'http://own:9000' }, { origin: 'http://own:9000', base: '/bucket' }],
    ['s3://bucket', { AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_S3: 'http://b' }, { origin: 'http://b' }],
    ['s3://bucket?style=virtual', { AWS_ENDPOINT_URL: 'http://own' }, { origin: 'http://bucket.own', base: '' }],
    [
      's3://bucket?style=path',
      {},
      { origin: 'https://s3.us-east-1.amazonaws.com', base: '/bucket', directLinks: false },
    ],
    ['s3://bucket?style=path&links=direct', {}, { base: '/bucket', directLinks: true }],
    ['s3://bucket', { AWS_SESSION_TOKEN: 't' }, { credentials: { sessionToken: 't', accessKeyId: 'id' } }],
  ]
  for (const [url, env, expected] of cases)
    assert.partialDeepStrictEqual(s3Settings(url, { ...KEYS, ...env }), expected, `${url} ${JSON.stringify(env)}`)
})

test('a key that is missing or empty is named', () => {
  for (const name of Object.keys(KEYS))
    for (const value of ['', undefined])
      assert.throws(() => s3Settings('s3://bucket', { ...KEYS, [name]: value }), {
        code: 'invalid_field',
        message: new RegExp(name),
      })
})

test('other URLs and servers are refused', () => {
  for (const url of [
    's3://',
    's3://B',
    's3://bucket/../x',
    's3://bucket/./x',
    's3://bucket?style=odd',
    'http://bucket',
  ])
    assert.throws(() => s3Settings(url, KEYS), { code: 'invalid_field' }, url)
  for (const server of ['own:9000', 'ftp://own', 'http://own/path', 'http://own?x=1'])
    assert.throws(
      () => s3Settings('s3://bucket', { ...KEYS, AWS_ENDPOINT_URL: server }),
      { code: 'invalid_field', message: /AWS_ENDPOINT_URL_S3/ },
      server,
    )
})
