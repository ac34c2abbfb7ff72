/** The order in which test files begin. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestFirst } from './tests.ts'

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
