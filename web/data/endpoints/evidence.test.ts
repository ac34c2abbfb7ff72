/** Evidence of a cause, in words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceLines } from './evidence.ts'

test('evidence of any shape is told in words', () => {
  assert.deepEqual(
    evidenceLines({
      slope: 0.55556,
      at: '2013-09-04T05:20:00.000Z',
      kept: true,
      fit: { ratio: 1.8 },
      rows: [1, 2, 3, 4, 5, 6, 7, 8],
      gone: null,
    }),
    [
      ['slope', '0.5556'],
      ['at', '2013-09-04 05:20 UTC'],
      ['kept', 'yes'],
      ['fit', 'ratio 1.8'],
      ['rows', '1, 2, 3, 4, 5, 6 and 2 more'],
      ['gone', '–'],
    ],
  )
})
