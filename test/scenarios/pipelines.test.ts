/** Pipelines over HTTP: a project is uploaded, run, followed, explained, cancelled and proved, on both databases. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { startTestApp } from '../app.ts'
import type { App } from '../../src/options.ts'
import { CallError, createClient, type Client } from '../../src/client/client.ts'
import { submitProject } from '../../src/cli/project/files.ts'
import { authApi } from '../../src/contract/auth.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'
import { startPostgres } from '../postgres.ts'

type Run = Reply<typeof pipelinesApi.getPipelineRun>

const FILES: Record<string, string> = {
  'slipway.yaml': `project: weather
pipeline:
  steps:
    fetch: {run: weather.fetch:main, outputs: [table]}
    train: {run: weather.train:main, inputs: {table: fetch.table}, params: {rate: 0.5}, outputs: [model]}
`,
  'weather/__init__.py': '',
  'weather/fetch.py': 'def main(table):\n    table.write_text("1\\n2\\n3\\n")\n    print("fetched", 3, "rows")\n',
  'weather/train.py': `import json, os, urllib.request
def call(path, body):
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
    url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + path
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers))
def main(table, model, rate):
    call("runs/log-metric", {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "by_client", "value": 7, "timestamp": 1})
    print("token", os.environ["MLFLOW_TRACKING_TOKEN"])
    model.mkdir()
    (model / "weights.txt").write_text(str(sum(map(int, table.read_text().split())) * rate))
    return {"loss": 0.25}
`,
}

for (const database of ['SQLite', 'PostgreSQL'] as const) {
  describe(`pipelines on ${database}`, () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-scenario-'))
    let app: App
    let client: Client
    let token: string
    let stopDatabase = async (): Promise<void> => undefined
    let first: Run

    before(async () => {
      const server = database === 'PostgreSQL' ? await startPostgres() : undefined
      if (server !== undefined) stopDatabase = () => server.stop()
      app = await startTestApp({
        dataDir: join(root, 'data'),
        ...(server !== undefined && { databaseUrl: server.url }),
      })
      token = readFileSync(app.tokenFile, 'utf8').trim()
      client = createClient({ url: app.url, token })
    })
    after(async () => {
      await app.stop()
      await stopDatabase()
      rmSync(root, { recursive: true, force: true })
    })

    async function submit(files: Record<string, string>): Promise<string> {
      const folder = mkdtempSync(join(root, 'project-'))
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), text)
      }
      return (await submitProject(client, folder)).id
    }

    async function read(id: string): Promise<Run> {
      return client.call(pipelinesApi.getPipelineRun, { params: { id } })
    }

    async function ended(id: string): Promise<Run> {
      const response = await client.open(pipelinesApi.watchPipelineRun, { params: { id } })
      const text = await response.text()
      const last =
        text
          .trim()
          .split('\n\n')
          .filter((event) => event.startsWith('event: run'))
          .at(-1) ?? ''
      return JSON.parse(last.slice(last.indexOf('data: ') + 6)) as Run
    }

    async function refusal(work: Promise<unknown>): Promise<CallError> {
      return work.then(
        () => assert.fail('it should have been refused'),
        (error: unknown) => (error instanceof CallError ? error : assert.fail(String(error))),
      )
    }

    it('runs an uploaded project and shows it whole', async () => {
      const version = await submit(FILES)
      assert.equal(await submit(FILES), version, 'the same content is the same version')
      const begun = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: version } })
      first = await ended(begun.id)
      assert.equal(first.outcome, 'succeeded', first.message)
      assert.deepEqual(first, await read(first.id))
      assert.deepEqual(
        first.steps.map((step) => step.state),
        ['succeeded', 'succeeded'],
      )
      const metrics = await client.open(
        { ...pipelinesApi.getPipelineRun, path: '/v1/runs/:id' },
        { params: { id: first.steps[1]?.tracking_run_id ?? '' } },
      )
      const run = (await metrics.json()) as { status: string; metrics: { key: string; value: number }[] }
      assert.equal(run.status, 'FINISHED')
      assert.deepEqual(
        run.metrics.map(({ key, value }) => [key, value]).toSorted((a, b) => String(a).localeCompare(String(b))),
        [
          ['by_client', 7],
          ['loss', 0.25],
        ],
      )
    })

    it('hands out outputs and logs, without the token', async () => {
      const where = { id: first.id, step: 'train', output: 'model' }
      const files = await client.call(pipelinesApi.listOutputFiles, { params: where })
      assert.deepEqual(
        files.items.map((file) => file.path),
        ['weights.txt'],
      )
      const file = await client.open(pipelinesApi.readOutputFile, { params: where, query: { path: 'weights.txt' } })
      assert.equal(await file.text(), '3.0')
      assert.match(file.headers.get('content-disposition') ?? '', /attachment/)
      const log = await (await client.open(pipelinesApi.readLogs, { params: { id: first.id, step: 'train' } })).text()
      assert.equal(log, 'token [secret]\n')
      const resumed = createClient({ url: app.url, token, headers: { 'last-event-id': '1:6' } })
      const rest = await (
        await resumed.open(pipelinesApi.followLogs, { params: { id: first.id, step: 'train' } })
      ).text()
      assert.match(rest, /id: 1:15\nevent: log\ndata: \{"attempt":1,"offset":6,"text":"\[secret\]\\n"\}/)
      assert.match(rest, /event: end/)
    })

    it('takes what did not change from the cache, and explains what did', async () => {
      const again = await client.call(pipelinesApi.createPipelineRun, { body: { project: 'weather' } })
      assert.deepEqual(
        (await ended(again.id)).steps.map((step) => step.state),
        ['cached', 'cached'],
      )
      const other = await client.call(pipelinesApi.createPipelineRun, {
        body: { project: 'weather', params: { train: { rate: 0.25 } } },
      })
      await ended(other.id)
      const why = await client.call(pipelinesApi.explainStep, { params: { id: other.id, step: 'train' } })
      assert.equal(why.reason, 'params.rate 0.5 → 0.25')
      assert.equal(why.compared_with, again.id)
      assert.match(why.components['environment'] ?? '', /^sha256:/)
    })

    it('cancels, repeats and proves', async () => {
      const slow = await submit({
        'slipway.yaml': 'project: slow\npipeline: {steps: {wait: {run: wait:main}}}\n',
        'wait.py': 'import time\ndef main(): time.sleep(60)\n',
      })
      const run = await client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: slow } })
      assert.equal(
        (await refusal(client.call(pipelinesApi.retryPipelineRun, { params: { id: run.id } }))).code,
        'conflict',
      )
      await client.call(pipelinesApi.cancelPipelineRun, { params: { id: run.id } })
      assert.equal((await ended(run.id)).outcome, 'cancelled')
      const repeated = await client.call(pipelinesApi.retryPipelineRun, { params: { id: first.id } })
      assert.equal((await ended(repeated.id)).outcome, 'succeeded')
      const proof = await client.call(pipelinesApi.reproducePipelineRun, { params: { id: first.id }, body: {} })
      assert.equal((await ended(proof.run?.id ?? '')).reproduction?.grade, 'A')
    })

    it('lists in pages, and shows a token of another project nothing', async () => {
      const seen: string[] = []
      for (let page_token: string | undefined; ;) {
        const page = await client.call(pipelinesApi.listPipelineRuns, {
          query: { limit: 2, project: 'weather', ...(page_token !== undefined && { page_token }) },
        })
        seen.push(...page.items.map((run) => run.id))
        page_token = page.next_page_token
        if (page_token === undefined) break
      }
      assert.equal(seen.length, 5)
      assert.equal(new Set(seen).size, 5)
      assert.equal(seen.at(-1), first.id)
      const made = await client.call(authApi.createToken, {
        body: { name: 'x', role: 'contributor', project: 'other' },
      })
      const foreign = createClient({ url: app.url, token: made.token })
      assert.deepEqual((await foreign.call(pipelinesApi.listPipelineRuns, {})).items, [])
      assert.deepEqual((await foreign.call(pipelinesApi.listPipelineVersions, {})).items, [])
      assert.equal((await refusal(foreign.call(pipelinesApi.getPipelineRun, { params: { id: first.id } }))).status, 404)
      const begin = foreign.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: first.pipeline_version } })
      assert.equal((await refusal(begin)).status, 404)
      const viewer = await client.call(authApi.createToken, { body: { name: 'v', role: 'viewer' } })
      const looks = createClient({ url: app.url, token: viewer.token })
      assert.equal(
        (await read(first.id)).id,
        (await looks.call(pipelinesApi.getPipelineRun, { params: { id: first.id } })).id,
      )
      assert.equal(
        (await refusal(looks.call(pipelinesApi.createPipelineRun, { body: { project: 'weather' } }))).status,
        403,
      )
    })

    const wrong: [string, () => Promise<unknown>, number, RegExp][] = [
      [
        'a body that is no tar',
        () => client.call(pipelinesApi.uploadTree, { body: 'x'.repeat(2000) }),
        400,
        /uncompressed tar/,
      ],
      [
        'an empty upload',
        () => client.call(pipelinesApi.uploadTree, { body: new Uint8Array(0) }),
        400,
        /ends too early/,
      ],
      [
        'a cut upload',
        () => client.call(pipelinesApi.uploadTree, { body: Readable.toWeb(Readable.from([Buffer.alloc(100)])) }),
        400,
        /ends too early/,
      ],
      [
        'a tree that is not there',
        () =>
          client.call(pipelinesApi.createPipelineVersion, {
            body: { text: FILES['slipway.yaml'] ?? '', tree: `sha256:${'0'.repeat(64)}` },
          }),
        404,
        /does not exist/,
      ],
      [
        'a digest that is none',
        () => client.call(pipelinesApi.createPipelineVersion, { body: { text: 'x', tree: 'latest' } }),
        400,
        /body\.tree: got latest, expected sha256:/,
      ],
      [
        'wrong YAML',
        () => submit({ ...FILES, 'slipway.yaml': 'project: weather\npipelines: {}\n' }),
        422,
        /slipway\.yaml:2: pipelines: unknown key; did you mean "pipeline"/,
      ],
      ['no version', () => client.call(pipelinesApi.createPipelineRun, { body: {} }), 400, /pipeline_version/],
      [
        'an unknown version',
        () => client.call(pipelinesApi.createPipelineRun, { body: { pipeline_version: 'pv_no' } }),
        404,
        /pipeline version "pv_no"/,
      ],
      [
        'an unknown project',
        () => client.call(pipelinesApi.createPipelineRun, { body: { project: 'nothing' } }),
        404,
        /"nothing" does not exist/,
      ],
      [
        'an unknown param',
        () =>
          client.call(pipelinesApi.createPipelineRun, { body: { project: 'weather', params: { train: { x: 1 } } } }),
        400,
        /params\.train\.x.*one of rate/,
      ],
      [
        'an unknown step',
        () => client.call(pipelinesApi.createPipelineRun, { body: { project: 'weather', from: 'nowhere' } }),
        400,
        /from: got nowhere, expected one of the steps fetch, train/,
      ],
      ['an unknown run', () => read('pr_no'), 404, /pipeline run "pr_no"/],
      [
        'a step that the run lacks',
        () => client.call(pipelinesApi.explainStep, { params: { id: first.id, step: 'no' } }),
        404,
        /step "no"/,
      ],
      [
        'logs of a step it lacks',
        () => client.open(pipelinesApi.followLogs, { params: { id: first.id, step: 'no' } }),
        404,
        /step "no"/,
      ],
      [
        'an attempt it lacks',
        () => client.open(pipelinesApi.readLogs, { params: { id: first.id, step: 'train' }, query: { attempt: 9 } }),
        404,
        /attempt "9"/,
      ],
      [
        'an output it lacks',
        () => client.call(pipelinesApi.listOutputFiles, { params: { id: first.id, step: 'train', output: 'no' } }),
        404,
        /output "train\.no"/,
      ],
      [
        'a path that leaves',
        () =>
          client.open(pipelinesApi.readOutputFile, {
            params: { id: first.id, step: 'train', output: 'model' },
            query: { path: '../../token' },
          }),
        404,
        /does not exist/,
      ],
      [
        'a page token that is none',
        () => client.call(pipelinesApi.listPipelineRuns, { query: { page_token: 'abc' } }),
        400,
        /page_token/,
      ],
      ['a negative limit', () => client.call(pipelinesApi.listPipelineRuns, { query: { limit: -1 } }), 400, /limit/],
      [
        'a tolerance of two',
        () => client.call(pipelinesApi.reproducePipelineRun, { params: { id: first.id }, body: { tolerance: 2 } }),
        400,
        /tolerance/,
      ],
    ]
    for (const [name, work, status, message] of wrong) {
      it(`refuses ${name}`, async () => {
        const error = await refusal(work())
        assert.equal(error.status, status, error.message)
        assert.match(error.message, message)
      })
    }

    it('leaves no token of steps behind', async () => {
      const { items } = await client.call(authApi.listTokens, {})
      assert.deepEqual(
        items.filter((row) => row.name === 'steps of weather'),
        [],
      )
      assert.ok(statSync(app.tokenFile).mode % 0o100 === 0)
    })
  })
}
