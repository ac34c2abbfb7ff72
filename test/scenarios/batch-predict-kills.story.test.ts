/** `slipway batch-predict` that is killed at any point goes on, on disk and in S3, and the result is that of a run that was not. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { startBatch } from '../fixtures/batch-control.ts'
import type { BatchControl } from '../fixtures/batch-control.ts'
import { NO_S3, startS3 } from '../s3.ts'

describe('batch-predict that is killed', () => {
  let control: BatchControl

  before(async () => {
    control = await startBatch()
  })
  after(() => control.stop())

  const path = (name: string): string => control.path(name)
  const batch: BatchControl['batch'] = (...args) => control.batch(...args)
  const done: BatchControl['done'] = (...args) => control.done(...args)

  it('killed before, in and after any chunk, and while the result is put together, it goes on and the result is the same', async () => {
    await done(['m@production', 'in.csv', 'whole.csv', '--chunk', '50'])
    const killed = ['batch.part', 'batch.part-written@2', 'batch.part@2', 'batch.assemble']
    for (const fault of killed) {
      const ended = await batch(['m@production', 'in.csv', 'pieces.csv', '--chunk', '50'], {
        SLIPWAY_TEST_HOOKS: '1',
        SLIPWAY_FAULT: fault,
      })
      assert.equal(ended.signal, 'SIGKILL', `${fault}: ${ended.errors}`)
      assert.equal(existsSync(path('pieces.csv')), false)
    }
    const { out } = await done(['m@production', 'in.csv', 'pieces.csv', '--chunk', '50', '--json'])
    assert.equal((JSON.parse(out) as { resumed: number }).resumed, 5)
    assert.equal(readFileSync(path('pieces.csv'), 'utf8'), readFileSync(path('whole.csv'), 'utf8'))
  })

  it('a table in S3 is scored into S3, and a run that was killed goes on there', async (t) => {
    const s3 = await startS3()
    if (s3 === undefined) return t.skip(NO_S3)
    t.after(() => s3.stop())
    const bucket = s3.url.replace(/\/slipway$/, '')
    const args = ['m/1', `${bucket}/slipway/made/in.csv`, `${bucket}/slipway/made/out.csv`, '--chunk', '50']
    const [from, to] = ['made/in.csv', 'made/out.csv'].map((key) => s3.file(key))
    const { s3Client } = await import('../../src/store/blobs/s3/client.ts')
    const client = s3Client(s3.settings)
    t.after(() => client.close())
    await client.call({ method: 'PUT', key: 'made/in.csv', body: readFileSync(path('in.csv')) })
    assert.ok(existsSync(from ?? ''))
    const fault = { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: 'batch.part@3' }
    assert.equal((await batch(args, { ...s3.env, ...fault })).signal, 'SIGKILL')
    assert.equal(existsSync(to ?? ''), false)
    const { out } = await done([...args, '--json'], s3.env)
    assert.equal((JSON.parse(out) as { resumed: number }).resumed, 2)
    await done(['m/1', 'in.csv', 'beside.csv', '--chunk', '50'])
    assert.equal(readFileSync(to ?? '', 'utf8'), readFileSync(path('beside.csv'), 'utf8'))
    assert.match((await batch(args, s3.env)).errors, /out\.csv is there already/)
  })
})
