/** A run's record file from bytes laid out by hand to what is known of the run, with a damaged record among sound ones. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { scanRun } from './scan.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wandb-scan-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** A field with bytes; all lengths here are below 128. */
function field(number: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part)))
  assert.ok(bytes.length < 128)
  const tag = (number << 3) | 2
  const head = tag < 128 ? [tag] : [(tag & 127) | 128, tag >> 7]
  return Buffer.concat([Buffer.from([...head, bytes.length]), bytes])
}

function whole(number: number, value: number): Buffer {
  assert.ok(value < 128 && number < 16)
  return Buffer.from([number << 3, value])
}

const item = (key: string, json: string): Buffer => field(1, field(1, key), field(16, json))
const history = (...items: readonly Buffer[]): Buffer => field(2, ...items)

function fileOf(records: readonly Buffer[], broken?: number): string {
  const pieces = records.map((record, i) => {
    const head = Buffer.alloc(7)
    head.writeUInt32LE(crc32(Buffer.concat([Buffer.from([1]), record])), 0)
    if (i === broken) head.writeUInt8(head.readUInt8(0) ^ 1, 0)
    head.writeUInt16LE(record.length, 4)
    head.writeUInt8(1, 6)
    return Buffer.concat([head, record])
  })
  const path = join(root, `run-${records.length}-${broken}.wandb`)
  writeFileSync(path, Buffer.concat([Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]), ...pieces]))
  return path
}

const RECORDS = [
  field(17, field(1, 'abc'), field(8, 'name'), field(10, 'one'), field(10, 'two'), field(4, item('lr', '0.1'))),
  history(item('_step', '0'), item('_timestamp', '1700000000.5'), item('loss', '3')),
  history(item('_step', '1'), item('_timestamp', '1700000001.5'), item('loss', '2'), item('text', '"hi"')),
  history(item('_step', '2'), item('_timestamp', '1700000002.5'), item('loss', '1')),
  field(5, item('depth', '4'), field(2, field(1, 'lr'))),
  field(18, whole(1, 0), whole(2, 7)),
]

describe('the records of a run', () => {
  it('come to its names, its config, its times and its last values', async () => {
    const { run, config, last, lastStep, start, end, exit, hasOther, damage } = await scanRun([fileOf(RECORDS)])
    assert.deepEqual([run.id, run.name, run.tags], ['abc', 'name', ['one', 'two']])
    assert.deepEqual(
      [...config].map(([key, value]) => [key, Number(value)]),
      [['depth', 4]],
    )
    assert.deepEqual([...last], [['loss', 1]])
    assert.deepEqual([lastStep, start, end], [2, 1_700_000_000_500, 1_700_000_002_500])
    assert.deepEqual([exit?.code, exit?.seconds, hasOther, damage], [0, 7, true, []])
  })

  for (const broken of [1, 2, 3])
    it(`are read but for record ${broken}, which is damaged and told`, async () => {
      const { last, lastStep, exit, hasOther, damage } = await scanRun([fileOf(RECORDS, broken)])
      assert.equal(damage.length, 1)
      assert.match(damage[0] ?? '', /run-6-\d\.wandb: bytes \d+ to \d+ cannot be read$/)
      assert.deepEqual([...last], [['loss', broken === 3 ? 2 : 1]])
      assert.deepEqual([lastStep, exit?.seconds, hasOther], [broken === 3 ? 1 : 2, 7, broken !== 2])
    })

  it('go on behind a record that is sound bytes and no record', async () => {
    const odd = [...RECORDS.slice(0, 2), field(2, item('loss', '{"a":')), ...RECORDS.slice(3)]
    const { last, damage } = await scanRun([fileOf([...odd, field(99, 'x')])])
    assert.deepEqual([...last], [['loss', 1]])
    assert.equal(damage.length, 1)
    assert.match(damage[0] ?? '', /a record of \d+ bytes is not understood$/)
  })

  it('refuse a file that is something else', async () => {
    const path = join(root, 'other.wandb')
    writeFileSync(path, 'no records')
    await assert.rejects(scanRun([path]), { code: 'unprocessable' })
  })
})
