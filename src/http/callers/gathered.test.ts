/** Bodies are put together as they were sent, however they come and whatever length was announced. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { Gathered } from './gathered.ts'

test('the whole is what came, in order', () => {
  const random = prng(3)
  for (const size of [0, 1, 1000, 1024 * 1024, 1024 * 1024 + 1, 5_000_000])
    for (const expected of [0, 1, size, 2 * size, Number.NaN]) {
      const sent = Buffer.from(Uint32Array.from({ length: Math.ceil(size / 4) }, (_, i) => i).buffer).subarray(0, size)
      const gathered = new Gathered(expected)
      for (let at = 0; at < size;) {
        const piece = sent.subarray(at, at + 1 + Math.floor(random.uniform() * 300_000))
        gathered.add(piece)
        at += piece.length
      }
      assert.equal(gathered.size, size)
      assert.ok(gathered.whole().equals(sent), `${size} bytes, ${expected} expected`)
    }
})

test('one piece is not copied', () => {
  const piece = Buffer.from('one')
  const gathered = new Gathered(3)
  gathered.add(piece)
  assert.equal(gathered.whole(), piece)
})
