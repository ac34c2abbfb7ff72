/** A folder of blobs on a disk that answers EIO, that may not be opened, or that is full. */
import { test } from 'node:test'
import { assertBlobOutage } from './blobs.cases.ts'
import type { Failing } from './failing-files.ts'
import { onFailingFiles } from './failing-world.ts'

onFailingFiles('blobs on a disk', (world) => {
  const outage = (how: Failing, more: { readable?: boolean; status?: 503 | 507 } = {}) => {
    const { url, values, fail, mend } = world()
    return assertBlobOutage({ url, values, begin: () => fail(how, 'blobs'), end: mend, ...more })
  }

  test('that answers EIO', () => outage('read'))
  test('that answers EIO to writes', () => outage('write', { readable: true }))
  test('that may not be opened', () => outage('locked'))
  test('that is full', () => outage('full', { readable: true, status: 507 }))
})
