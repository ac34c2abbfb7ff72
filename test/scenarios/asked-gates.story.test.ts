/** Gates at every door of a running server, with a contributor's and the owner's token: what loosens them waits for the owner. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/client/client.ts'
import type { Client } from '../../src/client/client.ts'
import { authApi } from '../../src/contract/auth.ts'
import { registryApi } from '../../src/contract/registry.ts'
import type { Gate } from '../../src/contract/registry.ts'
import { transferApi } from '../../src/contract/transfer.ts'
import { startTestServer, type TestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const HELD = '{metric: score, at_least: 0.8}'
const WEAKER = '{metric: score, at_least: 0.5}'
const CODE = `import os
def train(model):
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\\n")
    (model / "w.txt").write_text(os.environ["SCORE"])
    return {"score": float(os.environ["SCORE"])}
`

const yaml = (gates: readonly string[], score: number): string => `project: default
pipeline:
  steps:
    train: {run: job:train, outputs: [model], env: {SCORE: "${score}"}}
model:
  name: m
  from: train.model
  gates: [${gates.join(', ')}]
`

describe('who loosens the gates of a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-asked-'))
  let server: TestServer
  let contributor: Client
  let token = ''

  before(async () => {
    server = await startTestServer()
    token = (await server.client.call(authApi.createToken, { body: { name: 'cora', role: 'contributor' } })).token
    contributor = createClient({ url: server.url, token })
    mkdirSync(join(folder, 'project'))
    writeFileSync(join(folder, 'project', 'job.py'), CODE)
  })
  after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs the command line with a token; ends of lines are as they were printed. */
  function slipway(as: 'cora' | 'owner', ...words: readonly string[]): Promise<{ code: number; out: string }> {
    const key = as === 'cora' ? token : server.token
    const env = { ...process.env, SLIPWAY_URL: server.url, SLIPWAY_TOKEN: key, NO_COLOR: '1' }
    return new Promise((done) => {
      execFile(process.execPath, [MAIN, ...words], { env, timeout: 120_000 }, (error, out, said) =>
        done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out: out + said }),
      )
    })
  }

  function run(as: 'cora' | 'owner', gates: readonly string[], score: number): Promise<{ code: number; out: string }> {
    writeFileSync(join(folder, 'project', 'slipway.yaml'), yaml(gates, score))
    return slipway(as, 'run', join(folder, 'project'))
  }
  const policy = () => contributor.call(registryApi.getPolicy, { params: { name: 'm' } })
  const held = async (): Promise<Gate[]> => (await policy()).project_gates
  const LEAST: Gate = { metric: 'score', at_least: 0.8 }

  async function mlflow(method: string, call: string, body: object): Promise<number> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${server.url}/api/2.0/mlflow/${call}`, { method, headers, body: JSON.stringify(body) })
    return answer.status
  }

  test('a run with weaker gates, by whomever, is judged by the stricter and says so', async () => {
    const first = await run('owner', [HELD, '{scan: clean}'], 0.9)
    assert.equal(first.code, 0, first.out)
    for (const as of ['cora', 'owner'] as const) {
      const { code, out } = await run(as, [WEAKER], as === 'cora' ? 0.6 : 0.61)
      assert.equal(code, 1, out)
      assert.match(
        out,
        /refused\. score at least 0\.8: score is 0\.6\d?, below 0\.8; the project file asks for weaker gates/,
      )
      assert.match(out, /\{scan: clean\} is gone\): the stricter hold until an admin accepts/)
      assert.deepEqual(await held(), [LEAST, { scan: 'clean' }])
      const by = as === 'cora' ? 'cora' : 'admin'
      assert.equal((await policy()).asked?.by, by)
    }
  })

  test('stricter gates of a contributor hold at once', async () => {
    const { code, out } = await run('cora', [HELD, '{scan: clean}', '{data: digest known}'], 0.95)
    assert.ok([0, 1].includes(code), out)
    assert.doesNotMatch(out, /weaker gates/)
    assert.deepEqual(await held(), [LEAST, { scan: 'clean' }, { data: 'digest known' }])
  })

  test('the owner accepts them with a reason, nobody else and nothing without', async () => {
    await run('cora', [WEAKER], 0.62)
    const shown = await slipway('cora', 'models', 'gates', 'm')
    assert.match(
      shown.out,
      /asks for weaker gates:\n {2}\{metric: score, at_least: 0\.8\} becomes .*\n {2}\{scan: clean\} is gone/,
    )
    const words = ['models', 'gates', 'm', '--accept'] as const
    const refused = await slipway('cora', ...words, '--reason', 'please')
    assert.match(refused.out, /role contributor may not promote/)
    assert.match((await slipway('owner', ...words)).out, /reason/)
    assert.equal((await held()).length, 3, 'what is refused changes nothing')
    const accepted = await slipway('owner', ...words, '--reason', 'the data got harder')
    assert.equal(accepted.code, 0, accepted.out)
    assert.deepEqual(await held(), [{ metric: 'score', at_least: 0.5 }])
    assert.equal((await run('cora', [WEAKER], 0.63)).code, 0)
    const { items } = await server.client.call(authApi.listAudit, { query: { limit: 200 } })
    const row = items.find((one) => one.verb === 'promote' && one.resource_id === 'm')
    assert.match(JSON.stringify(row), /the data got harder/)
  })

  test('HTTP: a contributor sets neither gates nor policy, a maintainer does not loosen them', async () => {
    const made = await server.client.call(authApi.createToken, { body: { name: 'mara', role: 'maintainer' } })
    const maintainer = createClient({ url: server.url, token: made.token })
    const params = { name: 'm' }
    const none = { gates: [], reason: 'in the way' }
    const rule = { gates: [LEAST] }
    for (const [who, code] of [
      [contributor, 'forbidden'],
      [maintainer, 'forbidden'],
    ] as const) {
      await assert.rejects(who.call(registryApi.putGates, { params, body: none }), { code })
    }
    await assert.rejects(contributor.call(registryApi.putPolicy, { params, body: rule }), { code: 'forbidden' })
    await maintainer.call(registryApi.putPolicy, { params, body: rule })
    await assert.rejects(maintainer.call(registryApi.putPolicy, { params, body: none }), { code: 'forbidden' })
    await assert.rejects(server.client.call(registryApi.putPolicy, { params, body: { gates: [] } }), {
      code: 'invalid_field',
    })
    assert.deepEqual((await server.client.call(registryApi.putPolicy, { params, body: none })).gates, [])
  })

  test('the wire of MLflow, and an import: a model that is made again has the gates that its name had', async () => {
    assert.equal(await mlflow('DELETE', 'registered-models/delete', { name: 'm' }), 200)
    assert.equal(await mlflow('POST', 'registered-models/create', { name: 'm' }), 200)
    assert.deepEqual(await held(), [{ metric: 'score', at_least: 0.5 }])
    assert.equal(await mlflow('POST', 'registered-models/rename', { name: 'm', new_name: 'n' }), 200)
    const { out } = await run('cora', [], 0.4)
    assert.match(out, /refused\. score at least 0\.5/)
    assert.equal(await mlflow('DELETE', 'registered-models/delete', { name: 'm' }), 200)
    await bring()
    assert.deepEqual(await held(), [{ metric: 'score', at_least: 0.5 }])
  })

  /** Brings a model of that name and without gates in from elsewhere, as the owner. */
  async function bring(): Promise<void> {
    const { client } = server
    const begun = await client.call(transferApi.begin, { body: { kind: 'mlflow', place: 'http://elsewhere' } })
    const row = {
      name: 'm',
      project: 'default',
      description: '',
      created_at: 1,
      updated_at: 1,
      created_by: 'x',
      last_version: 0,
      gates: '[]',
    }
    await client.call(transferApi.write, {
      params: { table: 'registered_models' },
      body: { import_id: begun.import.id, rows: [row] },
    })
  }
})
