/** `slipway batch-predict` with a Python model that raises at some rows and dies at others: only those rows get no answer. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { parseCsv } from '../../src/gateway/protocols/columns.ts'
import { csvOf, startBatch } from '../fixtures/batch-control.ts'
import type { BatchControl } from '../fixtures/batch-control.ts'

/** Each halving around a deadly row starts the scorer twice, which takes a second. */
const COUNT = 500

describe('batch-predict by a faulty model', () => {
  let control: BatchControl
  let table: BatchControl['table']

  before(async () => {
    control = await startBatch()
    ;({ table } = control)
  })
  after(() => control.stop())

  const path = (name: string): string => control.path(name)
  const batch: BatchControl['batch'] = (...args) => control.batch(...args)
  const done: BatchControl['done'] = (...args) => control.done(...args)

  it('rows at which a Python model raises are found one by one; the others get their answers', async () => {
    const rows = table.slice(0, 60).map((row, i) => ({ ...row, distance: i % 20 === 9 ? 104 : 100 }))
    writeFileSync(path('faulty.csv'), csvOf(rows))
    assert.match((await batch(['m/4', 'faulty.csv', 'faulty-out.csv'])).errors, /line 11: .*distance ends in 4 or 9/)
    await done(['m/4', 'faulty.csv', 'faulty-out.csv', '--on-error', 'skip', '--restart'])
    const [header = [], ...cells] = parseCsv(readFileSync(path('faulty-out.csv'), 'utf8'))
    const failed = cells.flatMap((row, i) => (row[header.indexOf('error')] === '' ? [] : [i]))
    assert.deepEqual(failed, [9, 29, 49])
    assert.match(cells[9]?.[header.indexOf('error')] ?? '', /distance ends in 4 or 9/)
  })

  it('a row that kills its scorer costs the run that row alone', async () => {
    const deadly = [3, 4, COUNT - 1]
    const rows = Array.from({ length: COUNT }, (_, i) => ({
      ...table[i % table.length],
      note: `${i}`,
      distance: deadly.includes(i) ? -999 : 100,
    }))
    writeFileSync(path('deadly.csv'), csvOf(rows))
    writeFileSync(path('sound.csv'), csvOf(rows.map((row) => ({ ...row, distance: 100 }))))
    const { out } = await done(['m/4', 'deadly.csv', 'deadly-out.csv', '--on-error', 'skip', '--json'])
    assert.equal((JSON.parse(out) as { failed: number }).failed, deadly.length)
    await done(['m/4', 'sound.csv', 'sound-out.csv'])
    const [got, sound] = ['deadly-out.csv', 'sound-out.csv'].map((name) => parseCsv(readFileSync(path(name), 'utf8')))
    const error = got?.[0]?.indexOf('error') ?? -1
    assert.equal(got?.length, COUNT + 1)
    for (const [i, cells] of (got ?? []).slice(1).entries()) {
      if (deadly.includes(i)) assert.match(cells[error] ?? '', /the scorer process died twice/)
      else {
        // the last bit of a dot product hangs on how many rows it is of
        for (const [j, want] of (sound?.[i + 1] ?? []).entries())
          assert.ok(cells[j] === want || Math.abs(Number(cells[j]) - Number(want)) < 1e-12, `row ${i}: ${cells[j]}`)
        assert.equal(cells[error], '')
      }
    }
  })
})
