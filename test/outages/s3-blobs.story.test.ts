/** An S3 server of the blobs that fails, refuses, or is not there. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { faultyProxy, hasS3, NO_S3, startS3 } from '../s3.ts'
import type { Fault, FaultyProxy, TestS3 } from '../s3.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { assertBlobOutage } from './blobs.cases.ts'
import { makeWorld } from './world.ts'
import type { Values } from './values.ts'

describe('blobs in S3', { skip: (await hasS3()) ? false : NO_S3 }, () => {
  let s3: TestS3
  let proxy: FaultyProxy
  let server: TestServer
  let values: Values
  before(async () => {
    const started = await startS3()
    assert.ok(started !== undefined)
    s3 = started
    proxy = await faultyProxy(s3)
    const env = { ...s3.env, AWS_ENDPOINT_URL_S3: proxy.endpoint, SLIPWAY_LOG_LEVEL: 'silent' }
    server = await startTestServer({ args: ['--no-auth'], env })
    values = await makeWorld(server.url)
  })
  after(async () => {
    await server.stop()
    proxy.stop()
    s3.stop()
  })

  const outage = (fault: Fault) =>
    assertBlobOutage({
      url: server.url,
      values,
      begin: () => void (proxy.decide = () => fault),
      end: () => void (proxy.decide = () => undefined),
    })

  test('that answers 500', () => outage({ status: 500, code: 'InternalError' }))
  test('that refuses its keys', () => outage({ status: 403, code: 'InvalidAccessKeyId' }))
  test('that breaks every connection', () => outage({ reset: true, after: false }))
})
