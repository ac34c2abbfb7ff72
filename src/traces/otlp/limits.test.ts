/** Requests of spans that hold too much: refused by name, and read in turns so that nobody waits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTurns } from '../../http/callers/loop-turns.fixture.ts'
import { readExport } from './export-request.fixture.ts'
import { MOST, readExportInTurns } from './export-request.ts'

/** A field of bytes. */
function field(number: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  let left = body.length
  for (; left > 127; left = Math.floor(left / 128)) length.push((left & 127) | 128)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), body])
}

const many = (part: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => part))
const EMPTY = Buffer.alloc(0)
const request = (...spans: readonly Buffer[]): Buffer => field(1, field(2, ...spans.map((span) => field(2, span))))

for (const [name, body, what, limit] of [
  ['attributes of a span', () => request(many(field(9, EMPTY), 5_000_000)), 'fields of one span', 100_000],
  [
    'a list in an attribute',
    () => request(field(9, field(2, field(5, many(field(1, EMPTY), 5_000_000))))),
    'fields of one span',
    100_000,
  ],
  ['spans', () => field(1, field(2, many(field(2, EMPTY), 25_000))), 'spans', 20_000],
  ['resources', () => many(field(1, EMPTY), 5_000_000), 'fields of one span', 100_000],
  [
    'fields of all spans',
    () => request(...Array.from({ length: 30 }, () => many(field(9, EMPTY), 50_000))),
    'fields',
    1_000_000,
  ],
] as const)
  test(`too many ${name}: refused by name before all of it is read`, async () => {
    const bytes = body()
    const refusal = { code: 'too_many_values', status: 413, data: { what, value: limit + 1, limit } }
    await assert.rejects(readExportInTurns(bytes), refusal)
    assert.throws(() => readExport(bytes), refusal)
  })

test('a large request is read whole, and the loop turns meanwhile', async () => {
  const bytes = request(...Array.from({ length: 2000 }, (_, i) => many(field(9, field(1, Buffer.from(`k${i}`))), 100)))
  const loop = countTurns()
  const { spans } = await readExportInTurns(bytes)
  loop.stop()
  assert.equal(spans.length, 2000)
  assert.deepEqual(readExport(bytes), { spans, resources: 1 })
  assert.ok(loop.turns > 3, `${loop.turns} turns`)
  assert.ok(MOST.spans > 2000)
})
