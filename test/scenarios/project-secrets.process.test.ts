/** A project file with the address of a webhook in it: nobody who reads its versions or runs reads the secret. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { startTestServer } from '../server.ts'

const FILE = `project: told
pipeline:
  steps:
    one: {run: job:main, outputs: [model]}
model: {name: told, from: one.model}
endpoint: {name: told}
monitor:
  webhook: https://hooks.slack.com/services/T0secret
  webhooks:
    - {name: chat, url: "https://hooks.slack.com/services/T0secretlonger", from: low}
`

test('versions of a project are shown without the addresses of its webhooks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-project-secrets-'))
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'slipway.yaml'), FILE)
  writeFileSync(join(project, 'job.py'), 'def main(): pass\n')
  const server = await startTestServer({ data: join(folder, 'data') })
  t.after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const { id } = await submitProject(server.client, project)
  const version = await server.client.call(pipelinesApi.getPipelineVersion, { params: { id } })
  const listed = await server.client.call(pipelinesApi.listPipelineVersions)
  assert.doesNotMatch(JSON.stringify([version, listed, server.errors()]), /T0secret|services|longer/)
  assert.match(version.text, /webhook: https:\/\/hooks\.slack\.com\/\*\*\*\n/)
  assert.match(JSON.stringify(version.spec), /"webhook":"https:\/\/hooks\.slack\.com\/\*\*\*"/)
})
