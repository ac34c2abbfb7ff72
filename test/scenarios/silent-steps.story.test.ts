/** Steps that print nothing: their writes to tracking are what tells that they work. A whole server, real processes. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { temporaryFolder } from '../fixtures/folder.ts'
import { endedRun } from '../fixtures/runs-of.ts'
import { startTestServer, type TestServer } from '../server.ts'
import { until } from '../until.ts'

/** Steps that write each second until they may go, and one that writes only until all others do. */
const CODE = (signs: string): string => `
import json, os, pathlib, time, urllib.request
SIGNS = pathlib.Path(${JSON.stringify(signs)})
def send(path, body, method="POST"):
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + path, body, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).read()
def call(name, **body):
    send("/api/2.0/mlflow/runs/" + name, json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], **body}).encode())
def log(at):
    call("log-metric", key="loss", value=1.0, timestamp=int(time.time() * 1000), step=at)
def progress_of(at):
    call("set-tag", key="slipway.progress", value="%d of many" % at)
def upload(at):
    run, experiment = os.environ["MLFLOW_RUN_ID"], os.environ["MLFLOW_EXPERIMENT_ID"]
    send("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/%d.txt" % (experiment, run, at), b"x", "PUT")
def writes(name, write):
    at = 0
    while not (SIGNS / "go").exists():
        write(at)
        at += 1
        (SIGNS / name).touch()
        time.sleep(1)
def metrics(): writes("metrics", log)
def progress(): writes("progress", progress_of)
def artifacts(): writes("artifacts", upload)
def stops():
    while not all((SIGNS / name).exists() for name in ("metrics", "progress", "artifacts")):
        log(0)
        time.sleep(1)
    log(1)
    time.sleep(6000)
`

describe('a step that prints nothing and logs to tracking', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer({ env: { SLIPWAY_STEP_CPUS_TOTAL: '8' } })
  })
  after(() => server.stop())
  // outside of the data folder, in which a step sees nothing
  const signs = temporaryFolder('signs')

  /** Starts a run of these steps; resolves to its id. */
  async function start(names: readonly string[]): Promise<string> {
    const folder = join(server.data, 'project')
    mkdirSync(folder)
    // far longer than a busy machine holds up a write
    const steps = names.map((name) => `    ${name}: {run: job:${name}, silent_timeout: 30s}`).join('\n')
    writeFileSync(join(folder, 'slipway.yaml'), `project: quiet\npipeline:\n  steps:\n${steps}\n`)
    writeFileSync(join(folder, 'job.py'), CODE(signs))
    const { id } = await submitProject(server.client, folder)
    return (await server.client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: id } })).id
  }

  test('stays while it logs metrics, artifacts or its progress, and is ended when it stops', async () => {
    const id = await start(['metrics', 'progress', 'artifacts', 'stops'])
    // the others have begun to write before the last word of that step, so that by its end they have run for longer than a step may be silent
    await until('the end of the step that stops', async () => {
      const { steps } = await server.client.call(pipelinesApi.getPipelineRun, { params: { id } })
      return steps.find(({ name }) => name === 'stops')?.state === 'failed'
    })
    writeFileSync(join(signs, 'go'), '')
    const ended = await endedRun(server, id)
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
