/** The notes on what test files cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costNotes } from './costs.ts'
import { emptyTally } from './tally.ts'

const file = (file: string, cpu?: number) => ({ file, seconds: 1, cpu, tally: emptyTally() })

test('the ten dearest are named, and those of the first part over their budget', () => {
  const cheap = Array.from({ length: 9 }, (_, i) => file(`src/${i}.test.ts`, i / 10))
  const ended = [
    ...cheap,
    file('src/dear.test.ts', 10.1),
    file('test/a.story.test.ts', 81),
    file('src/late.test.ts', 10),
  ]
  assert.deepEqual(costNotes(ended, 60, 2), [
    '  test files: 105 s of CPU in 60 s, 87 % of 2 cores; the dearest:',
    '     81.0 s  test/a.story.test.ts',
    '     10.1 s  src/dear.test.ts',
    '     10.0 s  src/late.test.ts',
    ...[8, 7, 6, 5, 4, 3, 2].map((i) => `      0.${i} s  src/${i}.test.ts`),
    '  over the budget of 10 s of CPU: src/dear.test.ts',
  ])
})

test('nothing is said where the system does not tell what a process costs', () => {
  assert.deepEqual(costNotes([file('src/a.test.ts')], 60, 2), [])
})
