/** Rows that came, went and changed, held or in parts on the disk, against a count by maps. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { hash53 } from '../../stats/hash.ts'
import { prng } from '../../stats/prng.ts'
import { Changes, type Counted } from './changes.ts'

interface Row {
  readonly key: string
  readonly says: string
}

/** Rows with repeated keys, and some that say the same as one before. */
function rowsOf(count: number, seed: number): Row[] {
  const random = prng(seed)
  return Array.from({ length: count }, () => ({
    key: `k${Math.floor(random.uniform() * count)}`,
    says: `v${Math.floor(random.uniform() * 3)}`,
  }))
}

function byKey(before: readonly Row[], after: readonly Row[]): Counted {
  const found = { added: 0, removed: 0, changed: 0, repeated_before: 0, repeated_after: 0 }
  const [first, met] = [new Map<string, string>(), new Set<string>()]
  for (const { key, says } of before) {
    if (first.has(key)) found.repeated_before++
    else first.set(key, says)
  }
  for (const { key, says } of after) {
    if (met.has(key)) found.repeated_after++
    else if (!first.has(key)) found.added++
    else if (first.get(key) !== says) found.changed++
    met.add(key)
  }
  return { ...found, removed: [...first.keys()].filter((key) => !met.has(key)).length }
}

function whole(before: readonly Row[], after: readonly Row[]): Counted {
  const left = new Map<string, number>()
  for (const { key, says } of before) left.set(key + says, (left.get(key + says) ?? 0) + 1)
  for (const { key, says } of after) left.set(key + says, (left.get(key + says) ?? 0) - 1)
  const counts = [...left.values()]
  const sum = (some: readonly number[]): number => some.reduce((total, count) => total + Math.abs(count), 0)
  const [added, removed] = [sum(counts.filter((count) => count < 0)), sum(counts.filter((count) => count > 0))]
  return { added, removed, changed: 0, repeated_before: 0, repeated_after: 0 }
}

describe('changes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-changes-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  function counted(before: readonly Row[], after: readonly Row[], how: { byKey: boolean; held: number }): Counted {
    const changes = new Changes({ rows: before.length + after.length, folder, ...how })
    try {
      for (const [of, rows] of [['before', before] as const, ['after', after] as const])
        for (const { key, says } of rows) {
          const row = hash53(key + says)
          changes.add(of, how.byKey ? hash53(key) : row, row)
        }
      return changes.counted()
    } finally {
      changes.close()
    }
  }

  // blocks of 8,192 hashes: less than one, several, and parts that end in the middle of one
  for (const [rows, held] of [
    [50, 1000],
    [20_000, 100_000],
    [20_000, 30_000],
    [60_000, 17_001],
    [300, 7],
  ] as const)
    test(`${rows} rows a table, ${held} held`, () => {
      const [before, after] = [rowsOf(rows, 1), rowsOf(rows + 10, 2)]
      assert.deepEqual(counted(before, after, { byKey: true, held }), byKey(before, after))
      assert.deepEqual(counted(before, after, { byKey: false, held }), whole(before, after))
    })

  test('no rows at all', () => {
    for (const by of [true, false]) assert.deepEqual(counted([], [], { byKey: by, held: 5 }), byKey([], []))
  })
})
