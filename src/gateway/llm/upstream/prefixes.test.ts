/** Which beginnings are known, how long, and how many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Blocks } from './prefixes.ts'
import { blocksOf, Prefixes } from './prefixes.ts'

const blocks = (text: string, ...ends: number[]): Blocks => {
  const bytes = Buffer.from(text)
  const bounds = [0, ...ends, bytes.length]
  return blocksOf(
    bytes,
    bounds.slice(1).map((to, i) => ({ from: bounds[i] ?? 0, to })),
  )
}
const count = (of: Blocks): number => of.length / 2
const text = (of: string, length: number): string => of.repeat(length).slice(0, length)

test('equal beginnings have equal blocks, and a difference changes all behind it', () => {
  const one = blocks(text('abc', 1024))
  const other = blocks(`${text('abc', 300)}X${text('abc', 1024).slice(301)}`)
  assert.deepEqual([count(one), count(other)], [4, 4])
  assert.deepEqual(one.slice(0, 2), other.slice(0, 2))
  for (let i = 2; i < 8; i++) assert.notEqual(one[i], other[i])
})

test('an incomplete block counts at the end of a part, and not at the end of all', () => {
  assert.equal(count(blocks(text('a', 300))), 1)
  assert.equal(count(blocks(text('a', 900), 300)), 2 + 2)
  assert.notDeepEqual(
    blocks(text('a', 900), 300).slice(2, 4),
    blocks(`${text('a', 299)}b${text('a', 600)}`, 300).slice(2, 4),
  )
  assert.equal(count(blocks('')), 0)
})

test('what is equal in other places of a text is not the same beginning', () => {
  const [a, b] = [text('a', 256), text('b', 256)]
  const known = new Prefixes()
  known.learn(blocks(a + b), 1, 0)
  assert.equal(known.depth(blocks(b + a), 1, 0), 0)
  assert.equal(known.depth(blocks(a + a), 1, 0), 1)
  assert.equal(known.depth(blocks(a + b + a), 1, 0), 2)
  assert.equal(known.depth(blocks(a + b + a), 2, 0), 0, 'each model knows its own')
})

test('a beginning is forgotten after ten minutes in which nobody used it', () => {
  const known = new Prefixes()
  const [short, long] = [blocks(text('ab', 512)), blocks(text('ab', 2048))]
  known.learn(long, 1, 0)
  known.learn(short, 1, 300_000)
  assert.equal(known.depth(long, 1, 599_999), 8)
  assert.equal(known.depth(long, 1, 600_000), 2)
  assert.equal(known.depth(long, 1, 900_000), 0)
})

test('no more blocks are kept than may be, and those used last', () => {
  const known = new Prefixes(500)
  const each = (i: number): Blocks => blocks(`${i}`.padEnd(256) + text(`${i} `, 256 * 19))
  for (let i = 0; i < 40; i++) known.learn(each(i), 1, i)
  known.learn(each(20), 1, 40)
  known.learn(blocks(text('new', 256 * 10)), 1, 41)
  assert.equal(known.size, 500)
  const depths = [14, 15, 16, 20, 39].map((i) => known.depth(each(i), 1, 42))
  assert.deepEqual(depths, [0, 10, 20, 20, 20], 'of one that goes, the end goes first')
})

test('a prompt of any length costs a bounded number of blocks', () => {
  assert.equal(count(blocks(text('long ', 2_000_000))), 1024)
})

test('of ten thousand blocks no two are the same', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const of = blocks(text(`${i},`, 256 * 500))
    for (let at = 0; at < of.length; at += 2) seen.add(`${of[at]} ${(of[at + 1] ?? 0) & 0x1fffff}`)
  }
  assert.equal(seen.size, 10_000)
})
