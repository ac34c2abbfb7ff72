/** A folder of blobs on a disk that answers EIO, that may not be opened, or that is full. */
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { assertBlobOutage } from './blobs.cases.ts'
import { failingFiles, NO_COMPILER } from './failing-files.ts'
import type { Failing } from './failing-files.ts'
import { makeWorld } from './world.ts'
import type { Values } from './values.ts'

const files = failingFiles()

describe('blobs on a disk', { skip: files === undefined ? NO_COMPILER : false }, () => {
  let server: TestServer
  let values: Values
  before(async () => {
    server = await startTestServer({ args: ['--no-auth'], env: { ...files?.env, SLIPWAY_LOG_LEVEL: 'silent' } })
    values = await makeWorld(server.url)
  })
  after(async () => {
    await server.stop()
    files?.remove()
  })

  const outage = (how: Failing, more: { readable?: boolean; status?: 503 | 507 } = {}) =>
    assertBlobOutage({
      url: server.url,
      values,
      begin: () => files?.fail(how, join(server.data, 'blobs')),
      end: () => files?.mend(),
      ...more,
    })

  test('that answers EIO', () => outage('read'))
  test('that answers EIO to writes', () => outage('write', { readable: true }))
  test('that may not be opened', () => outage('locked'))
  test('that is full', () => outage('full', { readable: true, status: 507 }))
})
