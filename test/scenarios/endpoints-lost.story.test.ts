/** An endpoint whose files are lost says so everywhere. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../fixtures/folder.ts'
import { servingApi } from '../../src/contract/serving.ts'
import { runFiles } from '../../src/gateway/run-files.ts'
import { furnishFolder, predicted, slipway } from '../fixtures/two-endpoints.ts'
import { startTestServer } from '../server.ts'
import { until } from '../until.ts'

const folder = temporaryFolder('lost')

test('a version whose files are lost says so everywhere, and deploy does not say that it answers', async (t) => {
  const data = join(folder, 'lost')
  await furnishFolder(t, data)
  rmSync(runFiles(data).lowered, { recursive: true })
  rmSync(runFiles(data).routing, { force: true })
  // the largest blob of the native form or the model: without it the version cannot be laid out
  const blobs = globSync(`${join(data, 'blobs')}/**/*`).filter((one) => statSync(one).isFile())
  for (const blob of blobs) if (readFileSync(blob).includes('slipway_tree')) writeFileSync(blob, 'broken')

  const second = await startTestServer({ data, gateways: 1 })
  t.after(() => second.stop())
  await until('the fault of the version', async () => {
    const { variants } = await second.client.call(servingApi.getEndpoint, { params: { name: 'native' } })
    return variants[0]?.fault
  })
  const { status, text } = await predicted(second, 'native')
  assert.equal(status, 503, text)
  await assert.rejects(slipway({ SLIPWAY_DATA: data }, 'doctor'), (error: { stdout?: string }) => {
    assert.match(error.stdout ?? '', /FAIL Endpoints: these do not answer: native version 1: /)
    return true
  })
  await assert.rejects(slipway({ SLIPWAY_DATA: data }, 'deploy', 'native', '1'), (error: { stdout?: string }) => {
    assert.doesNotMatch(error.stdout ?? '', /native answers with/)
    return true
  })
})
