/** Which chunks' memory is given back: large ones that are all of their memory, and nobody else's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBack } from './give-back.ts'

const LEAST = 16 * 1024

for (const [what, chunk, left] of [
  ['a chunk of 16 KiB is', new Uint8Array(LEAST), 0],
  ['a smaller one is not', new Uint8Array(LEAST - 1), LEAST - 1],
  ['the beginning of something larger is not', new Uint8Array(new ArrayBuffer(2 * LEAST), 0, LEAST), LEAST],
  ['the end of something larger is not', new Uint8Array(new ArrayBuffer(2 * LEAST), LEAST), LEAST],
  ['memory that threads share is not', new Uint8Array(new SharedArrayBuffer(LEAST)), LEAST],
] as const)
  test(`${what} given back`, () => {
    giveBack(chunk)
    assert.equal(chunk.byteLength, left)
  })
