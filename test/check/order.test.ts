/** The order in which test files begin, and in which part of the check. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHeavy, longestFirst } from './tests.ts'

test('files that train and roll out begin first, then whole servers, then sources, and pages last', () => {
  const files = ['web/a.test.ts', 'src/b.test.ts', 'test/images/c.test.ts', 'src/a.test.ts', 'test/runners/z.test.ts']
  assert.deepEqual(longestFirst(files), [
    'test/runners/z.test.ts',
    'test/images/c.test.ts',
    'src/b.test.ts',
    'src/a.test.ts',
    'web/a.test.ts',
  ])
})

test('a story on PostgreSQL is for the second part, a suite of a driver beside its sources is for the first', () => {
  assert.equal(isHeavy('test/scenarios/messages.postgres.test.ts'), true)
  assert.equal(isHeavy('test/scenarios/messages.sqlite.test.ts'), false)
  assert.equal(isHeavy('test/scenarios/replicas.test.ts'), false)
  assert.equal(isHeavy('src/jobs/queue.postgres.test.ts'), false)
  assert.equal(isHeavy('test/images/story.test.ts'), true)
})
