/** Whichever table of the SQLite file is damaged: the server starts, reads what is sound and says what is damaged. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { tablesOf } from './damaged-table.ts'
import { temporaryFolder } from '../fixtures/folder.ts'
import { assertReadsOn, makeFormer } from './damaged-tables.ts'

describe('each table in turn', () => {
  const root = temporaryFolder('damaged-tables')
  const from = join(root, 'former')
  before(() => makeFormer(from))
  for (const former of ['started', 'restored'] as const)
    test(`a folder that was ${former} is read`, async () => {
      const tables = tablesOf(join(from, 'slipway.db'))
      assert.ok(tables.length > 100, `${tables.length} tables`)
      for (const table of tables)
        await assertReadsOn(table, former, { from, to: join(root, 'damaged') }).catch((error: unknown) => {
          throw new Error(`${table}, ${former}: ${(error as Error).message}`, { cause: error })
        })
    })
})
