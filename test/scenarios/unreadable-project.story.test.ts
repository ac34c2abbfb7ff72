/** A stored project file that cannot be read any more: its runs and versions are shown with that fault, and nothing answers 500. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { CallError } from '../../src/client/client.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startTestServer } from '../server.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-unreadable-'))
after(() => rmSync(root, { recursive: true, force: true }))

const FAULT = /pipeline version pv_\w+ is not available: its stored project file cannot be read: /

test('runs and versions of an unreadable project file are told with the fault', async () => {
  const data = join(root, 'data')
  const project = join(root, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'slipway.yaml'), 'project: broken\npipeline:\n  steps:\n    one: {run: job:main}\n')
  writeFileSync(join(project, 'job.py'), 'def main(): print("done")\n')
  const first = await startTestServer({ data })
  const version = await submitProject(first.client, project)
  const run = await first.client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id } })
  const params = { id: run.id }
  await endedRun(first, run.id)
  writeFileSync(join(project, 'job.py'), 'def main(): print("again")\n')
  const good = await submitProject(first.client, project)
  await first.stop()
  const db = new DatabaseSync(join(data, 'slipway.db'))
  db.prepare('UPDATE pipeline_versions SET spec = ? WHERE id = ?').run('{"project": ', version.id)
  db.close()

  const server = await startTestServer({ data })
  const { client } = server
  try {
    const found = await client.call(pipelinesApi.getPipelineRun, { params })
    assert.match(found.message, FAULT)
    assert.match(found.message, /^1 step ran/)
    assert.deepEqual([found.outcome, found.steps[0]?.name, found.steps[0]?.state], ['succeeded', 'one', 'succeeded'])
    assert.equal(found.steps[0]?.attempts.length, 1)
    const explained = await client.call(pipelinesApi.explainStep, { params: { ...params, step: 'one' } })
    assert.match(explained.warnings[0] ?? '', FAULT)
    const log = await (await client.open(pipelinesApi.readLogs, { params: { ...params, step: 'one' } })).text()
    assert.equal(log, 'done\n')
    assert.equal((await client.call(pipelinesApi.listPipelineRuns)).items.length, 1)
    const versions = await client.call(pipelinesApi.listPipelineVersions)
    const listed = Object.fromEntries(versions.items.map(({ id, warnings }) => [id, warnings]))
    assert.deepEqual(listed[good.id], [])
    assert.match(listed[version.id]?.[0] ?? '', FAULT)
    const refusals: readonly (readonly [number, () => Promise<unknown>])[] = [
      [409, () => client.call(pipelinesApi.retryPipelineRun, { params })],
      [409, () => client.call(pipelinesApi.reproducePipelineRun, { params, body: {} })],
      [503, () => client.call(pipelinesApi.getPipelineVersion, { params: { id: version.id } })],
      [503, () => client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id } })],
    ]
    for (const [status, act] of refusals) {
      await assert.rejects(act, (error: unknown) => {
        assert.ok(error instanceof CallError)
        assert.equal(error.status, status)
        assert.match(error.message, FAULT)
        return true
      })
    }
  } finally {
    await server.stop()
  }
})
