/** Attempts as jobs of Ray: sent once, told apart from what Ray says of them, and whole runs on a head that starts real processes. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestApp } from '../../../../test/app.ts'
import { freePort } from '../../../../test/programs/free-port.ts'
import { until } from '../../../../test/until.ts'
import { submitProject } from '../../../cli/project/files.ts'
import { createClient, type Client } from '../../../client/client.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import type { Reply } from '../../../contract/route.ts'
import { egress } from '../../../http/egress.ts'
import type { App } from '../../../options.ts'
import { nodeJob } from './fake-jobs.fixture.ts'
import type { NodeJob } from './launcher.ts'
import { rayLauncher } from './ray.ts'
import { startRayHead, type RayHead } from './ray-head.fixture.ts'

type Run = Reply<typeof pipelinesApi.getPipelineRun>

const root = mkdtempSync(join(tmpdir(), 'slipway-ray-'))
after(() => rmSync(root, { recursive: true, force: true }))
const job = (attempt: string, more: Partial<NodeJob> = {}): NodeJob =>
  nodeJob(attempt, { variables: { A: "it's $HOME" }, ...more })

describe('jobs', () => {
  let head: RayHead
  before(async () => (head = await startRayHead(root)))
  after(() => head.stop())
  const launcher = (token?: string) =>
    rayLauncher({ url: `${head.url}/`, token, send: egress({ allow: [new URL(head.url).host], timeoutMs: 60_000 }) })

  test('a job asks for its cores and memory, and its words are those of a shell', async () => {
    await launcher('secret').launch(job('a1', { memory_bytes: 5 }))
    const { entrypoint, entrypoint_num_cpus, entrypoint_memory, runtime_env } =
      head.jobs.get('a1')?.job ?? assert.fail()
    assert.equal(entrypoint, `exec python3 -c 'print('"'"'x'"'"')'`)
    assert.deepEqual([entrypoint_num_cpus, entrypoint_memory, runtime_env.env_vars], [2, 5, { A: "it's $HOME" }])
    assert.ok(head.tokens.has('Bearer secret'))
  })

  test('its health is Ray’s own word: another program at the address is no cluster', async () => {
    const asked = async () => (await launcher('secret').health?.()) ?? assert.fail()
    assert.deepEqual(await asked(), { ok: true, detail: 'Ray answers', version: '2.60.0' })
    for (const [status, text, says] of [
      [200, '<html>log in</html>', /is not Ray: it answers 200/],
      [401, 'no', /answers 401 .*it does not take the token/],
      [0, '', /./],
    ] as const) {
      head.answers = { status, text }
      const { ok, detail } = await asked()
      assert.equal(ok, false, text)
      assert.match(detail, says)
    }
    head.answers = undefined
  })

  test('one that is there already is the one that was sent, also where no answer came', async () => {
    await launcher().launch(job('a2'))
    await launcher().launch(job('a2'))
    head.starts = false
    const sent = launcher().launch(job('a3'))
    head.answers = { status: 0, text: '' }
    await sent.catch(() => undefined)
    head.answers = undefined
    await launcher().launch(job('a3'))
    assert.equal(head.jobs.size, 3)
    head.starts = true
  })

  test('a head that refuses, or is no head, is told with what it says', async () => {
    for (const [status, text] of [
      [403, 'no token'],
      [500, 'Traceback: no'],
      [404, '<html>'],
      [302, 'elsewhere'],
      [200, '<html>'],
      [200, '{"submission_id": "another"}'],
      [200, '[]'],
      [200, 'null'],
    ] as const) {
      head.answers = { status, text }
      await assert.rejects(launcher().launch(job('a4')), {
        code: 'upstream_failed',
        message: new RegExp(`${status}.*${text.replace(/[[{]/g, '.')}`),
      })
      assert.equal((await launcher().state('a4')).state, 'unknown')
      await assert.rejects(launcher().stop('a4'), { code: 'upstream_failed' })
    }
    for (const text of ['', '[]', 'null', '{"status": "NEW"}']) {
      head.answers = { status: 200, text }
      assert.equal((await launcher().state('a1')).state, 'unknown', text)
    }
    head.answers = undefined
    const away = rayLauncher({ url: 'http://127.0.0.1:9', send: egress({ allow: ['127.0.0.1:9'] }) })
    assert.equal((await away.state('a1')).state, 'unknown')
    await assert.rejects(away.launch(job('a1')), { code: 'unavailable' })
  })

  test('a head that is busy or away may take the job later', async () => {
    for (const [status, text] of [
      [0, ''],
      [429, 'slower'],
      [502, '<html>'],
      [503, 'away'],
      [504, 'late'],
    ] as const) {
      head.answers = { status, text }
      await assert.rejects(launcher().launch(job('a5')), { code: 'unavailable', message: new RegExp(text) })
    }
    head.answers = undefined
  })

  test('what Ray has forgotten is over, and may be stopped', async () => {
    assert.match((await launcher().state('never')).detail ?? '', /knows no such job/)
    await launcher().stop('never')
  })
})

describe('runs', () => {
  const folder = join(root, 'project')
  let head: RayHead
  let app: App
  let client: Client
  let token: string
  before(async () => {
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'slipway.yaml'),
      `project: far
pipeline:
  on: ray
  steps:
    make: {run: "far:make", outputs: [table], params: {rows: 3}, secrets: [KEY], resources: {cpus: 7}}
    read: {run: "far:read", inputs: {table: make.table}, on: local, cache: never}
`,
    )
    writeFileSync(
      join(folder, 'far.py'),
      `import os, urllib.request
def make(table, rows):
    table.write_text("x" * rows)
    url, token = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]
    asked = urllib.request.Request(url + "/v1/me", headers={"authorization": "Bearer " + token})
    print("key", os.environ["KEY"], urllib.request.urlopen(asked).status, os.environ["HOME"])
    return {"rows": rows}
def read(table):
    print("read", table.read_text())
`,
    )
    head = await startRayHead(root)
    process.env['SLIPWAY_SECRET_KEY'] = 'key-of-the-step-0123'
    app = await startTestApp({ dataDir: join(root, 'data'), ray: { url: head.url } })
    token = readFileSync(app.tokenFile, 'utf8').trim()
    client = createClient({ url: app.url, token })
  })
  after(async () => {
    delete process.env['SLIPWAY_SECRET_KEY']
    await app.stop()
    await head.stop()
  })

  const begin = async (more: Record<string, unknown> = {}): Promise<Run> => {
    const version = await submitProject(client, folder, 'slipway.yaml')
    return client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id, ...more } })
  }
  const end = async ({ id }: Run): Promise<Run> => {
    return until(`the end of run ${id}`, async () => {
      const run = await client.call(pipelinesApi.getPipelineRun, { params: { id } })
      return run.finished_at !== null && run
    })
  }
  const log = async ({ id }: Run, step: string): Promise<string> => {
    const headers = { authorization: `Bearer ${token}` }
    return (await fetch(`${app.url}/v1/pipeline-runs/${id}/steps/${step}/logs/text`, { headers })).text()
  }

  test('a step runs on the cluster and the next here; its result is taken from the cache wherever it is asked for', async () => {
    const run = await end(await begin())
    assert.equal(run.state, 'succeeded', JSON.stringify(run.steps.map(({ failure }) => failure)))
    assert.equal(head.jobs.size, 1)
    const [made] = [...head.jobs.values()]
    assert.equal(made?.job.entrypoint_num_cpus, 7, 'it takes no place of this machine')
    assert.equal(await log(run, 'make'), `key [secret] 200 ${root}\n`)
    assert.equal(await log(run, 'read'), 'read xxx\n')
    assert.deepEqual(run.steps[0]?.metrics, { rows: 3 })
    const again = await end(await begin({ on: 'local' }))
    assert.deepEqual(
      again.steps.map(({ state }) => state),
      ['cached', 'succeeded'],
    )
    const here = await end(await begin({ on: 'local', force: true }))
    assert.equal(head.jobs.size, 1)
    assert.equal(here.steps[0]?.outputs['table']?.digest, run.steps[0]?.outputs['table']?.digest)
    assert.deepEqual(await leftRows(), [])
  })

  test('a run that is cancelled while its job waits is over at once, and the job is refused when it comes', async () => {
    head.starts = false
    const run = await begin({ force: true })
    await until('its job is sent', () => head.jobs.size === 2)
    await client.call(pipelinesApi.cancelPipelineRun, { params: { id: run.id } })
    assert.equal((await end(run)).state, 'cancelled')
    head.starts = true
    const { job } = [...head.jobs.values()][1] ?? assert.fail()
    const { SLIPWAY_NODE_URL: url, SLIPWAY_NODE_ATTEMPT: attempt, SLIPWAY_NODE_TOKEN: token } = job.runtime_env.env_vars
    const reply = await fetch(`${url}/v1/attempts/${attempt}/program`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(reply.status, 401)
  })

  const leftRows = async (): Promise<unknown[]> => {
    const { items } = await client.call(pipelinesApi.listPipelineRuns, { query: { state: 'running' } })
    return items
  }
})

test('a cluster that is taken out of the configuration: what it runs is heard to its end, and nothing begins there', async () => {
  const [head, dataDir, folder] = [await startRayHead(root), join(root, 'parted'), join(root, 'slow')]
  mkdirSync(folder)
  const steps = 'one: {run: "slow:one", on: ray}\n    two: {run: "slow:two", after: [one], on: ray}'
  writeFileSync(join(folder, 'slipway.yaml'), `project: parted\npipeline:\n  steps:\n    ${steps}\n`)
  const waits = `import os, time\ndef one():\n    open("${root}/begun", "a").write("x")\n    while not os.path.exists("${root}/go"): time.sleep(0.05)\n`
  writeFileSync(join(folder, 'slow.py'), `${waits}def two():\n    pass\n`)
  const port = await freePort()
  let app = await startTestApp({ dataDir, port, ray: { url: head.url } })
  try {
    const clientOf = () => createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
    const version = await submitProject(clientOf(), folder, 'slipway.yaml')
    const { id } = await clientOf().call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id } })
    const read = () => clientOf().call(pipelinesApi.getPipelineRun, { params: { id } })
    const met = async (holds: (run: Run) => boolean): Promise<Run> => {
      const what = async (): Promise<string> => `${String(holds)}: ${JSON.stringify(await read())}`
      return until(what, async () => {
        const run = await read()
        return holds(run) && run
      })
    }
    await met(() => existsSync(join(root, 'begun')))
    await app.stop()
    app = await startTestApp({ dataDir, port })
    writeFileSync(join(root, 'go'), '')
    const run = await met(({ steps: [one, two] }) => one?.state === 'succeeded' && (two?.attempts.length ?? 0) > 0)
    assert.equal(run.steps[0]?.attempts.length, 1)
    assert.equal(readFileSync(join(root, 'begun'), 'utf8'), 'x')
    const refused = await met(({ steps: [, two] }) => two?.attempts[0]?.failure != null)
    const { failure } = refused.steps[1]?.attempts[0] ?? assert.fail()
    assert.equal(failure?.class, 'infrastructure')
    assert.match(failure?.message ?? '', /SLIPWAY_RAY_URL is not set/)
    assert.equal(head.jobs.size, 1)
    await clientOf().call(pipelinesApi.cancelPipelineRun, { params: { id } })
    await met(({ finished_at }) => finished_at !== null)
  } finally {
    await app.stop()
    await head.stop()
  }
})

test('a place that the server does not know is refused by name, and one that there is none of by the project file', async () => {
  const app = await startTestApp({ dataDir: join(root, 'alone') })
  try {
    const client = createClient({ url: app.url, token: readFileSync(app.tokenFile, 'utf8').trim() })
    const version = await submitProject(client, join(root, 'project'), 'slipway.yaml')
    const ask = (on?: 'ray' | 'local') =>
      client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version.id, ...(on && { on }) } })
    await assert.rejects(ask(), /pipeline\.steps\.make\.on: got ray, expected local or external; .*SLIPWAY_RAY_URL/)
    await assert.rejects(ask('ray'), /on: got ray, expected local/)
    await client.call(pipelinesApi.cancelPipelineRun, { params: { id: (await ask('local')).id } })
    writeFileSync(
      join(root, 'project', 'other.yaml'),
      'project: far\npipeline: {steps: {a: {run: "far:read", on: moon}}}\n',
    )
    await assert.rejects(submitProject(client, join(root, 'project'), 'other.yaml'), /on: .*"local".*"ray"/)
  } finally {
    await app.stop()
  }
})
