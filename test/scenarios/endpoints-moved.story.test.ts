/** Endpoints come back after a data folder was moved and after `models/` was lost. */
import assert from 'node:assert/strict'
import { globSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../fixtures/folder.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { runFiles } from '../../src/gateway/run-files.ts'
import { answers, furnishFolder } from '../fixtures/two-endpoints.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const folder = temporaryFolder('moved')

test('a data folder that was moved, and one that has lost models/, answer as before', async (t) => {
  const data = join(folder, 'to-move')
  const told = await furnishFolder(t, data)

  const moved = join(folder, 'moved')
  renameSync(data, moved)
  const second = await startTestServer({ data: moved, gateways: 1 })
  t.after(() => second.stop())
  assert.deepEqual(await answers(second), told)
  await second.stop()

  rmSync(runFiles(moved).lowered, { recursive: true })
  const third = await startTestServer({ data: moved, gateways: 1 })
  t.after(() => third.stop())
  assert.deepEqual(await answers(third), told)
  const { lowering } = await third.client.call(registryApi.getVersion, { params: { name: 'native', version: '1' } })
  assert.equal(lowering.state, 'native', 'it was laid out, not lowered again')

  // while it runs: what is gone is laid out again before anything asks for it
  rmSync(runFiles(moved).lowered, { recursive: true })
  await until('models/ to be laid out again', () => globSync(`${runFiles(moved).lowered}/sha256-*`).length >= 3)
  assert.deepEqual(await answers(third), told)
})
