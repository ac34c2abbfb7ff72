/** The order in which test files begin, and in which part of the check. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAlone, isHeavy, longestFirst } from './parts.ts'

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

test('the name of a file tells its part, and whether it has a process of its own', () => {
  const told = Object.fromEntries(
    [
      'a.test.ts',
      'a.sqlite.test.ts',
      'a-story.test.ts',
      'a.process.test.ts',
      'a.postgres.test.ts',
      'a.story.test.ts',
    ].map((file) => [file, [isHeavy(file), isAlone(file)]]),
  )
  assert.deepEqual(told, {
    'a.test.ts': [false, false],
    'a.sqlite.test.ts': [false, false],
    'a-story.test.ts': [false, false],
    'a.process.test.ts': [false, true],
    'a.postgres.test.ts': [true, false],
    'a.story.test.ts': [true, true],
  })
})
