/** Steps that print nothing: their writes to tracking are what tells that they work. A whole server, real processes. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'
import { startTestServer, type TestServer } from '../server.ts'

const YAML = (steps: string): string => `project: quiet\npipeline:\n  steps:\n${steps}\n`

async function run(
  { client, data }: TestServer,
  files: Readonly<Record<string, string>>,
): Promise<Reply<typeof pipelinesApi.getPipelineRun>> {
  const folder = join(data, 'project')
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const { id } = await submitProject(client, folder)
  const started = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: id } })
  for (;;) {
    const found = await client.call(pipelinesApi.getPipelineRun, { params: { id: started.id } })
    if (found.finished_at !== null) return found
    await sleep(200)
  }
}

describe('a step that prints nothing and logs to tracking', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer({ env: { SLIPWAY_STEP_CPUS_TOTAL: '8' } })
  })
  after(() => server.stop())

  const tracked = `
import json, os, sys, time, urllib.request
def send(path, body, method="POST"):
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + path, body, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).read()
def call(name, **body):
    send("/api/2.0/mlflow/runs/" + name, json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], **body}).encode())
def metrics():
    for at in range(14):
        call("log-metric", key="loss", value=1.0, timestamp=int(time.time() * 1000), step=at)
        time.sleep(1)
def progress():
    for at in range(14):
        call("set-tag", key="slipway.progress", value="%d of 14" % at)
        time.sleep(1)
def artifacts():
    for at in range(14):
        run, experiment = os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_EXPERIMENT_ID"]
        send("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/%d.txt" % (experiment, run, at), b"x", "PUT")
        time.sleep(1)
def stops():
    call("log-metric", key="loss", value=1.0, timestamp=int(time.time() * 1000), step=0)
    time.sleep(600)
`
  test('stays while it logs metrics, artifacts or its progress, and is ended when it stops', async () => {
    const names = ['metrics', 'progress', 'artifacts', 'stops']
    // shorter than they write, and far longer than a busy machine may hold up a write
    const steps = names.map((name) => `    ${name}: {run: job:${name}, silent_timeout: 8s}`).join('\n')
    const ended = await run(server, { 'slipway.yaml': YAML(steps), 'job.py': tracked })
    assert.deepEqual(
      ended.steps.map(({ name, state, failure }) => [name, state, failure?.class ?? failure]),
      [
        ['metrics', 'succeeded', null],
        ['progress', 'succeeded', null],
        ['artifacts', 'succeeded', null],
        ['stops', 'failed', 'timeout'],
      ],
      JSON.stringify(ended.steps.map(({ failure }) => failure)),
    )
  })
})
