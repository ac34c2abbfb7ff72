/** A run's record file from bytes laid out by hand to what is known of the run, with a damaged record among sound ones. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { exit, field, history, item, recordFile } from './record-file.fixture.ts'
import { scanRun } from './scan.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wandb-scan-'))
after(() => rmSync(root, { recursive: true, force: true }))

function fileOf(records: readonly Buffer[], broken?: number): string {
  const path = join(root, `run-${records.length}-${broken}.wandb`)
  writeFileSync(path, recordFile(records, broken))
  return path
}

const RECORDS = [
  field(17, field(1, 'abc'), field(8, 'name'), field(10, 'one'), field(10, 'two'), field(4, item('lr', '0.1'))),
  history(item('_step', '0'), item('_timestamp', '1700000000.5'), item('loss', '3')),
  history(item('_step', '1'), item('_timestamp', '1700000001.5'), item('loss', '2'), item('text', '"hi"')),
  history(item('_step', '2'), item('_timestamp', '1700000002.5'), item('loss', '1')),
  field(5, item('depth', '4'), field(2, field(1, 'lr'))),
  exit(0, 7),
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
