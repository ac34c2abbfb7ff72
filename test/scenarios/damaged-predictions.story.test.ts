/** Predictions go on from the kept routing table, whichever of the tables that it is made from is damaged, and everybody is told what is damaged. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { slipway } from '../../src/cli/program.fixture.ts'
import { storageApi } from '../../src/contract/system.ts'
import { damageTable } from './damaged-table.ts'
import { temporaryFolder } from '../fixtures/folder.ts'
import { furnishFolder, scores } from '../fixtures/two-endpoints.ts'
import { startTestServer } from '../server.ts'

test('predictions go on from the kept routing table, whichever of its tables is damaged', async (t) => {
  const root = temporaryFolder('damaged-predictions')
  const from = join(root, 'former')
  const told = await furnishFolder(t, from)
  const token = readFileSync(join(from, 'token'), 'utf8').trim()
  const tables = ['endpoints', 'endpoint_variants', 'endpoint_limits', 'endpoint_versions', 'serving_state', 'tokens']
  for (const table of [...tables, 'model_versions', 'registered_models', 'traces']) {
    const data = join(root, table)
    cpSync(from, data, { recursive: true })
    damageTable(join(data, 'slipway.db'), table)
    const server = await startTestServer({ data, gateways: 1 })
    t.after(() => server.stop())
    // the one that callers hold; the file has another one where the tokens are damaged
    const caller = { ...server, token }
    assert.deepEqual(await scores(caller, 'native'), told.native, table)
    const { database } = await server.client.call(storageApi.state)
    assert.deepEqual([database.state, database.remedy], ['corrupt', 'restore the newest backup: slipway restore'])
    assert.match(server.errors(), /the database is damaged: .*restore the newest backup: slipway restore/)
    const doctor = await slipway({ SLIPWAY_DATA: data }, 'doctor')
    assert.equal(doctor.code, 1, doctor.text)
    assert.match(doctor.text, /FAIL Storage: the database is damaged: .*restore the newest backup: slipway restore/)
    assert.doesNotMatch(doctor.text, /try again/i)
    assert.equal(await server.stop(), 0, `${table}: ${server.errors().slice(-1500)}`)
  }
})
