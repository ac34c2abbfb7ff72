/** The order in which test files begin, and in which part of the check. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHeavy, longestFirst } from './parts.ts'

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

test('files with browsers are spread among those with servers, each list in its order', () => {
  const servers = Array.from({ length: 8 }, (_, i) => `test/scenarios/s${i}.test.ts`)
  const order = longestFirst(['test/web/a.test.ts', 'test/web/b.test.ts', ...servers, 'src/a.test.ts'])
  assert.deepEqual(
    order.map((file) => file.replace(/.*\/(\w+)\.test\.ts/, '$1')),
    ['s0', 's1', 's2', 'a', 's3', 's4', 's5', 'b', 's6', 's7', 'a'],
  )
  assert.deepEqual(longestFirst(['test/web/a.test.ts', 'test/web/b.test.ts']), [
    'test/web/a.test.ts',
    'test/web/b.test.ts',
  ])
})

test("a story or suite on PostgreSQL is for the second part, what is PostgreSQL's own is for the first", () => {
  assert.equal(isHeavy('test/scenarios/messages.postgres.test.ts'), true)
  assert.equal(isHeavy('test/scenarios/messages.sqlite.test.ts'), false)
  assert.equal(isHeavy('test/scenarios/replicas.test.ts'), false)
  assert.equal(isHeavy('src/cost/cost.postgres.test.ts'), true)
  assert.equal(isHeavy('src/store/postgres/copy.test.ts'), false)
  assert.equal(isHeavy('src/pipelines/data/kinds/sql.postgres.test.ts'), false)
  assert.equal(isHeavy('test/images/story.test.ts'), true)
})
