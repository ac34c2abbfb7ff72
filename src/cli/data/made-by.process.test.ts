/** What commands say of the result of a join with features. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { dataSetsApi, type DataVersion } from '../../contract/data/sets.ts'
import { AT } from '../answers.fixture.ts'
import { startRecorded } from '../recorded-server.fixture.ts'

const digest = `sha256:${'a'.repeat(64)}`
const VERSION: DataVersion = {
  project: 'default',
  name: 'training',
  version: 3,
  digest,
  size: 4,
  files: 1,
  state: 'ready',
  reason: '',
  rows: 2,
  made_by: { kind: 'features', job: 'fj_1', service: 'eta', version: 2 },
  note: '',
  tags: {},
  data_at: AT,
  created_at: AT,
  created_by: 'ana',
}

test('a data set of a join names the job and the service', async () => {
  const server = await startRecorded()
  try {
    const set = { project: 'default', name: 'training', note: '', created_at: AT, created_by: 'ana', versions: 1 }
    server.answer(dataSetsApi.getDataSet, { ...set, latest: VERSION, items: [VERSION] })
    server.answer(dataSetsApi.getDataVersion, { ...VERSION, columns: [], cited: [] })
    const { lines } = await server.slipway('data', 'show', 'training')
    assert.ok(lines.includes(`made by the join fj_1 with features of eta@2, added ${AT} by ana`), lines.join('\n'))
  } finally {
    server.close()
  }
})

test('its file is a parquet file, and one that is there already is found by that name', async () => {
  const [server, folder, before] = [await startRecorded(), mkdtempSync(join(tmpdir(), 'slipway-got-')), process.cwd()]
  process.chdir(folder)
  try {
    writeFileSync('training.parquet', 'rows')
    const file = { path: '', size: 4, digest: `sha256:${createHash('sha256').update('rows').digest('hex')}` }
    server.answer(dataSetsApi.getDataVersion, { ...VERSION, columns: [], cited: [] })
    server.answer(dataSetsApi.listDataFiles, { items: [file] })
    // nothing is downloaded, which the server has no answer for
    const { code } = await server.slipway('data', 'get', 'training')
    assert.equal(code, 0)
  } finally {
    process.chdir(before)
    rmSync(folder, { recursive: true, force: true })
    server.close()
  }
})
