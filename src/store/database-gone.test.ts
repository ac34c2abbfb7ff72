/** A data folder whose database is gone is not begun anew: its lists would be empty, and its files collected. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { openStore } from './open.ts'

describe('a folder that was in use without its database', () => {
  const folders: string[] = []
  let dataDir: string
  const file = (name: string): string => join(dataDir, name)

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'slipway-gone-'))
    folders.push(dataDir)
    const { db } = await openStore({ dataDir })
    await db.close()
    writeFileSync(file('audit-checkpoints.jsonl'), '{}\n')
  })
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  const refused = /slipway\.db is missing or empty, but the folder was in use: it holds audit-checkpoints\.jsonl\nPut/

  test('is refused where the file is missing, and no other is made', async () => {
    rmSync(file('slipway.db'))
    await assert.rejects(openStore({ dataDir }), refused)
    assert.equal(existsSync(file('slipway.db')), false)
  })

  test('is refused where the file was cut to nothing', async () => {
    truncateSync(file('slipway.db'))
    await assert.rejects(openStore({ dataDir }), refused)
  })

  test('is refused where a log without its database is left of a kill', async () => {
    rmSync(file('slipway.db'))
    rmSync(file('audit-checkpoints.jsonl'))
    writeFileSync(file('slipway.db-wal'), 'frames')
    await assert.rejects(openStore({ dataDir }), /it holds slipway\.db-wal/)
  })

  test('opens again when the file is back, and a folder that only looks used opens too', async () => {
    await (await openStore({ dataDir })).db.close()
    rmSync(file('slipway.db'))
    writeFileSync(file('audit-checkpoints.jsonl'), '')
    await (await openStore({ dataDir })).db.close()
  })
})
