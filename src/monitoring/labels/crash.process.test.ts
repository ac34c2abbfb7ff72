/** The process is killed with -9 at every point of the label join: the next one ends with the same labels, each told once. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { endOf } from '../../../test/output.ts'
import { migrate } from '../../store/migrate.ts'
import { openSqlite } from '../../store/sqlite/sqlite.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { performance } from '../checks/performance.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-labels-crash-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Point and passing: labels are stored in three transactions, and two of four deliveries of predictions find labels waiting. */
const FAULTS = ['inserted@1', 'told@1', 'stored@1', 'inserted@2', 'told@3', 'stored@3', 'joined@1', 'joined@2']

function run(file: string, fault?: string): Promise<string> {
  return endOf(join(import.meta.dirname, 'crasher.fixture.ts'), [file], fault && `labels.${fault}`)
}

describe('labels whose process is killed', () => {
  for (const fault of FAULTS) {
    it(`at labels.${fault} end the same`, async () => {
      const file = join(root, `${fault}.db`)
      const prepared = openSqlite(file)
      await migrate(prepared)
      await addEndpoint(prepared, 'e')
      await prepared.tx((t) => t.run('CREATE TABLE told (prediction_id TEXT PRIMARY KEY, label BIGINT NOT NULL)'))
      await prepared.close()
      assert.equal(await run(file, fault), 'SIGKILL')
      assert.equal(await run(file), '0')
      const db = openSqlite(file)
      const count = async (sql: string): Promise<number> => (await db.get<{ n: number }>(sql))?.n ?? -1
      assert.deepEqual(
        [
          await count('SELECT count(*) AS n FROM labels'),
          await count('SELECT count(*) AS n FROM labels WHERE joined = 1'),
          await count('SELECT sum(conflicts) AS n FROM labels'),
          await count('SELECT count(*) AS n FROM told'),
          await count('SELECT orphans AS n FROM monitors'),
          await count('SELECT sum(rows) AS n FROM monitor_hours'),
        ],
        [4500, 400, 0, 4500, 4100, 400],
      )
      const items = await performance(db, { endpoint: 'e', bucket: 'all' }, async () => [])
      assert.deepEqual([items[0]?.n, items[0]?.labelled], [400, 400])
      await db.close()
    })
  }
})
