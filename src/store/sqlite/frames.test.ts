/** Frames between the server and its readers: whole however they come in pieces, and errors as plain data. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineError, engineFault, Frames, frame, type Reply } from './frames.ts'

test('frames are put together from pieces of any size, each value once and in order', () => {
  const replies: Reply[] = [
    { columns: ['a'], packed: [[1, 'ä', null]], count: 3, end: false },
    { columns: ['a', 'b'], packed: [new Float64Array([1, -0, 1e300]), { same: 'ä' }], count: 3, end: false },
    { columns: ['a'], packed: [[]], count: 0, end: true },
    { error: { message: 'no', code: 'SQLITE_BUSY' } },
  ]
  const bytes = Buffer.concat(replies.map(frame))
  for (let size = 1; size <= bytes.length; size++) {
    const frames = new Frames()
    const taken: unknown[] = []
    for (let at = 0; at < bytes.length; at += size) taken.push(...frames.take(bytes.subarray(at, at + size)))
    assert.deepEqual(taken, replies, `pieces of ${size} bytes`)
  }
})

test('an error keeps its message and a code that is text; what is thrown otherwise is told as text', () => {
  const coded = (code: unknown): Error => Object.assign(new Error('so'), { code })
  assert.deepEqual(engineFault(coded('SQLITE_FULL')), { message: 'so', code: 'SQLITE_FULL' })
  assert.deepEqual(engineFault(coded(5)), { message: 'so', code: undefined })
  assert.deepEqual(engineFault(new Error('plain')), { message: 'plain', code: undefined })
  assert.deepEqual(engineFault('text'), { message: 'text', code: undefined })
  const error = engineError({ message: 'so', code: 'SQLITE_FULL' })
  assert.deepEqual([error.message, 'code' in error && error.code], ['so', 'SQLITE_FULL'])
})
