/** The record file of wandb under damage: whatever is done to its bytes, what is read is whole records of it, in order, and the rest is told. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { readLog } from './log.ts'
import { isNoRecord, looseJson, readRecord } from './record.ts'
import { historyOf } from './scan.ts'

const BLOCK = 32 * 1024
const HEADER = 7

const folder = mkdtempSync(join(tmpdir(), 'slipway-wandb-log-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Numbers that are the same in each run of the test, 0 up to 1. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A file as the SDK writes it: each record in pieces that end with their block. */
function fileOf(records: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0])]
  let at = HEADER
  for (const record of records) {
    let from = 0
    do {
      const left = BLOCK - (at % BLOCK)
      if (left < HEADER) {
        parts.push(Buffer.alloc(left))
        at += left
        continue
      }
      const piece = record.subarray(from, from + left - HEADER)
      const [isFirst, isLast] = [from === 0, from + piece.length === record.length]
      const type = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3
      const head = Buffer.alloc(HEADER)
      head.writeUInt32LE(crc32(Buffer.concat([Buffer.from([type]), piece])), 0)
      head.writeUInt16LE(piece.length, 4)
      head.writeUInt8(type, 6)
      parts.push(head, piece)
      at += HEADER + piece.length
      from += piece.length
      if (isLast) break
    } while (from <= record.length)
  }
  return Buffer.concat(parts)
}

async function read(bytes: Uint8Array): Promise<{ records: Buffer[]; damage: string[] }> {
  const path = join(folder, 'run-x.wandb')
  writeFileSync(path, bytes)
  const records: Buffer[] = []
  const damage: string[] = []
  for await (const one of readLog(path)) {
    if ('damage' in one) damage.push(one.damage)
    else records.push(Buffer.from(one))
  }
  return { records, damage }
}

const random = numbers(7)
const RECORDS = Array.from({ length: 60 }, (_, index) => {
  const size = index % 12 === 0 ? 70_000 : Math.floor(random() * 900)
  return Buffer.concat([Buffer.from(`${index}:`), Buffer.alloc(size, index + 1)])
})
const WHOLE = fileOf(RECORDS)

/** True where `some` are of `all`, in their order. */
function isPartOf(some: readonly Buffer[], all: readonly Buffer[]): boolean {
  let at = 0
  return some.every((one) => {
    while (at < all.length && all[at]?.equals(one) !== true) at++
    return at++ < all.length
  })
}

describe("wandb's record file", () => {
  it('gives back what was written, over the ends of blocks', async () => {
    assert.deepEqual(await read(WHOLE), { records: RECORDS, damage: [] })
  })

  it('loses what a changed byte stands in, tells it, and nothing is made up', async () => {
    const next = numbers(11)
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(WHOLE)
      const at = HEADER + Math.floor(next() * (bytes.length - HEADER))
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(next() * 8)), at)
      const { records, damage } = await read(bytes)
      assert.ok(isPartOf(records, RECORDS), `byte ${at}`)
      assert.ok(records.length === RECORDS.length || damage.length > 0, `byte ${at}`)
      // a block holds what a change can reach, and one record may hang over each of its ends
      assert.ok(records.length > 0, `byte ${at}`)
    }
  })

  it('reads up to where a file was cut off', async () => {
    const next = numbers(13)
    for (let round = 0; round < 200; round++) {
      const size = HEADER + Math.floor(next() * (WHOLE.length - HEADER))
      const { records } = await read(WHOLE.subarray(0, size))
      assert.deepEqual(records, RECORDS.slice(0, records.length), `${size} bytes`)
    }
    const { records, damage } = await read(WHOLE.subarray(0, WHOLE.length - 3))
    assert.equal(records.length, RECORDS.length - 1)
    assert.match(damage.join(), /bytes \d+ to \d+ cannot be read/)
  })

  it('goes on behind a stretch that was overwritten', async () => {
    const bytes = Buffer.from(WHOLE)
    bytes.fill(0xff, BLOCK + 100, BLOCK + 2000)
    const { records, damage } = await read(bytes)
    assert.ok(isPartOf(records, RECORDS))
    assert.ok(records.at(-1)?.equals(RECORDS.at(-1) ?? Buffer.alloc(0)))
    assert.ok(damage.length > 0)
  })

  it('refuses a file of something else, and a version that is not known', async () => {
    await assert.rejects(read(Buffer.from('PK\x03\x04 and more')), /is not a record file of the wandb SDK/)
    await assert.rejects(read(Buffer.alloc(0)), /is not a record file of the wandb SDK/)
    const later = Buffer.from(WHOLE)
    later.writeUInt8(3, 6)
    await assert.rejects(read(later), /has version 3 of wandb's record format/)
  })
})

describe("wandb's records", () => {
  it('any bytes are a record or are refused as none', () => {
    const next = numbers(17)
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: Math.floor(next() * 60) }, () => Math.floor(next() * 256))
      if (bytes.length > 0 && round % 2 === 0) bytes[0] = [0x12, 0x1a, 0x2a, 0x3a, 0x42, 0x8a][round % 6] ?? 0
      try {
        readRecord(bytes)
      } catch (error) {
        assert.ok(isNoRecord(error), String(error))
      }
    }
  })

  it('JSON of Python is read with its NaN and infinities, exactly', () => {
    assert.equal(looseJson('NaN'), Number.NaN)
    assert.equal(looseJson('-Infinity'), Number.NEGATIVE_INFINITY)
    assert.deepEqual(looseJson('[1, NaN, "NaN, Infinity \\" -Infinity"]'), [
      1n,
      Number.NaN,
      'NaN, Infinity " -Infinity',
    ])
    assert.equal(looseJson('1152921504606846977'), 1_152_921_504_606_846_977n)
    assert.throws(() => looseJson('{"a": nan}'), SyntaxError)
  })

  it('a step and a time that no table holds are taken as absent', () => {
    const items = [
      { path: ['_step'], value: 2n ** 60n },
      { path: ['_timestamp'], value: Number.NaN },
      { path: ['a', 'b'], value: 0.5 },
      { path: ['media', '_type'], value: 'image-file' },
      { path: ['media', 'size'], value: 3n },
    ]
    const { step, far, time, metrics, other } = historyOf({ kind: 'history', items, step: 4n })
    assert.deepEqual([step, far, time, metrics], [2n ** 60n, true, 0, []], 'no metric holds such a step')
    assert.deepEqual(
      other.map(([name]) => name),
      ['a.b', 'media'],
    )
    const near = historyOf({ kind: 'history', items: items.slice(1), step: 4n })
    assert.deepEqual([near.step, near.far, near.metrics], [4n, false, [['a.b', 0.5]]])
  })
})
