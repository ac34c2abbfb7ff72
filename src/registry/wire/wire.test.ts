/** The registry over HTTP: MLflow's shapes, statuses and texts, the native API beside it, and who may do what. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { serveRoutes } from '../../../test/routes.ts'
import type { ServedRoutes } from '../../../test/routes.ts'
import type { Role } from '../../contract/access.ts'
import type { RunningServer } from '../../http/server.ts'
import { findLink } from '../../tracking/artifacts/links.ts'
import { loggedModel, root, runWithModel, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { registerVersion } from '../versions/register.ts'
import { registryRoutes } from '../routes.ts'
import { registryWireRoutes } from './wire-routes.ts'
import type { Registry } from '../context/context.ts'

interface Answer {
  readonly status: number
  readonly text: string
  readonly json: Record<string, unknown>
}

describe('registry over HTTP', () => {
  let served: ServedRoutes
  let server: RunningServer
  let bench: Bench

  before(async () => {
    served = await serveRoutes(['admin', 'maintainer', 'contributor', 'viewer'], (deps) => {
      const room: Registry = { ...deps, modelsDir: join(deps.dataDir, 'models') }
      bench = { room, tracking: deps, wait: () => undefined }
      return [...registryRoutes(room, []), ...registryWireRoutes(room, deps)]
    })
    server = served.server
  })
  after(() => served.stop())

  async function send(method: string, path: string, body?: unknown, role: Role = 'admin'): Promise<Answer> {
    const reply = await fetch(path.startsWith('http') ? path : server.url + path, {
      method,
      headers: {
        authorization: `Bearer ${served.tokenOf(role)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    const isJson = reply.headers.get('content-type')?.includes('json') === true
    return { status: reply.status, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} }
  }
  const rpc = (method: string, path: string, body: unknown, role?: Role) =>
    send(method, `/api/2.0/mlflow/${path}`, body, role)
  const read = (path: string, role?: Role) => send('GET', `/ajax-api/2.0/mlflow/${path}`, undefined, role)

  it('answers in shapes of MLflow, leaving out what is empty', async () => {
    const made = await rpc('POST', 'registered-models/create', { name: 'iris', tags: [{ key: 'a', value: '1' }] })
    assert.equal(made.status, 200)
    const model = made.json['registered_model'] as Record<string, unknown>
    assert.deepEqual(Object.keys(model).sort(), [
      'creation_timestamp',
      'last_updated_timestamp',
      'name',
      'tags',
      'user_id',
    ])
    const { run, uri } = await runWithModel(bench)
    const version = await rpc('POST', 'model-versions/create', { name: 'iris', source: `${uri}/model`, run_id: run })
    assert.deepEqual(
      { ...(version.json['model_version'] as object), creation_timestamp: 0, last_updated_timestamp: 0 },
      {
        name: 'iris',
        version: '1',
        creation_timestamp: 0,
        last_updated_timestamp: 0,
        user_id: 'admin',
        current_stage: 'None',
        description: '',
        source: `${uri}/model`,
        status: 'READY',
        run_link: '',
        run_id: run,
      },
    )
    const got = await read('registered-models/get?name=iris')
    const latest = (got.json['registered_model'] as { latest_versions: { version: string }[] }).latest_versions
    assert.deepEqual(
      latest.map((one) => one.version),
      ['1'],
    )
  })

  it('says errors as MLflow does', async () => {
    const cases: [Promise<Answer>, number, string, RegExp][] = [
      [
        rpc('POST', 'registered-models/create', { name: 'iris' }),
        400,
        'RESOURCE_ALREADY_EXISTS',
        /\(name=iris\) already/,
      ],
      [rpc('POST', 'registered-models/create', {}), 400, 'INVALID_PARAMETER_VALUE', /required parameter 'name'/],
      [
        read('registered-models/get?name=none'),
        404,
        'RESOURCE_DOES_NOT_EXIST',
        /^Registered Model with name=none not found$/,
      ],
      [
        read('registered-models/alias?name=iris&alias=champion'),
        400,
        'INVALID_PARAMETER_VALUE',
        /^Registered model alias champion not found\.$/,
      ],
      [read('model-versions/get?name=iris&version=9'), 404, 'RESOURCE_DOES_NOT_EXIST', /version=9\) not found/],
      [read('model-versions/get?name=iris&version=x'), 400, 'INVALID_PARAMETER_VALUE', /'version' must be an integer/],
      [read('registered-models/search?max_results=1001'), 400, 'INVALID_PARAMETER_VALUE', /max_results/],
      [read('model-versions/search?page_token=%21'), 400, 'INVALID_PARAMETER_VALUE', /page token/],
      [
        rpc('POST', 'registered-models/alias', { name: 'iris', alias: 'v3', version: '1' }),
        400,
        'INVALID_PARAMETER_VALUE',
        /Version alias name 'v3' is reserved/,
      ],
      [
        rpc('POST', 'registered-models/alias', { name: 'iris', alias: 'Latest', version: '1' }),
        400,
        'INVALID_PARAMETER_VALUE',
        /'latest' alias name/,
      ],
      [
        rpc('POST', 'registered-models/set-tag', { name: 'iris', key: 'k', value: 'x'.repeat(100_001) }),
        400,
        'INVALID_PARAMETER_VALUE',
        /exceeds the maximum length/,
      ],
    ]
    for (const [answer, status, code, text] of cases) {
      const { json, status: got } = await answer
      assert.deepEqual([got, json['error_code']], [status, code], String(text))
      assert.match(String(json['message']), text)
    }
  })

  it('a refused gate is PERMISSION_DENIED and names the gates; the native API says gate_refused', async () => {
    const gates = [{ metric: 'auc', at_least: 0.9 }]
    await registerVersion(bench.room, root, await wanted(bench, { model: 'guarded', auc: 0.6, gates }))
    const alias = { name: 'guarded', alias: 'champion', version: '1' }
    const refused = await rpc('POST', 'registered-models/alias', alias)
    assert.deepEqual([refused.status, refused.json['error_code']], [403, 'PERMISSION_DENIED'])
    assert.match(String(refused.json['message']), /may not become champion: .*Gates that do not hold: .*auc/)
    const stage = { name: 'guarded', version: '1', stage: 'Production' }
    const transition = await rpc('POST', 'model-versions/transition-stage', stage)
    assert.deepEqual([transition.status, transition.json['error_code']], [403, 'PERMISSION_DENIED'])
    const native = await send('PUT', '/v1/models/guarded/aliases/champion', { version: '1' })
    assert.equal(native.status, 409)
    const { error } = native.json as { error: { code: string; details: { gates: { outcome: string }[] } } }
    assert.deepEqual([error.code, error.details.gates[0]?.outcome], ['gate_refused', 'failed'])
    const override = { version: '1', override: true, reason: 'nothing else is left' }
    const denied = await send('PUT', '/v1/models/guarded/aliases/champion', override, 'maintainer')
    assert.equal(denied.status, 403)
    const moved = await send('PUT', '/v1/models/guarded/aliases/champion', override)
    assert.deepEqual([moved.status, moved.json['to']], [200, '1'])
    const shown = await send('GET', '/v1/models/guarded/versions/1')
    const verdict = shown.json['verdict'] as { id: string; passed: boolean }
    assert.equal(verdict.passed, false)
    const replay = await send('POST', `/v1/verdicts/${verdict.id}/replay`, {})
    assert.equal(replay.json['same'], true)
    const history = await send('GET', '/v1/models/guarded/history')
    const [move] = history.json['items'] as { reason: string; actor: string }[]
    assert.deepEqual([move?.reason, move?.actor], ['nothing else is left', 'admin'])
  })

  it('who may not promote moves only aliases that answer nobody', async () => {
    const move = (alias: string, role: Role) =>
      rpc('POST', 'registered-models/alias', { name: 'iris', alias, version: '1' }, role)
    assert.equal((await move('production', 'contributor')).status, 403)
    assert.equal((await move('candidate', 'contributor')).status, 200)
    assert.equal((await move('production', 'maintainer')).status, 200)
    const gone = await rpc('DELETE', 'registered-models/alias', { name: 'iris', alias: 'production' }, 'contributor')
    assert.equal(gone.status, 403)
    assert.equal((await move('candidate', 'viewer')).status, 403)
    assert.equal((await read('registered-models/get?name=iris', 'viewer')).status, 200)
  })

  it('gives the files of a version as they were registered', async () => {
    const { json } = await read('model-versions/get-download-uri?name=iris&version=1')
    const uri = String(json['artifact_uri'])
    assert.equal(uri, `${server.url}/v1/models/iris/versions/1/mlflow-artifacts/artifacts`)
    const listed = await send('GET', uri)
    assert.deepEqual(
      (listed.json['files'] as { path: string }[]).map((file) => file.path),
      ['MLmodel', 'model.pkl'],
    )
    assert.equal((await send('GET', `${uri}/model.pkl`)).text, 'weights')
    assert.equal((await send('GET', '/model-versions/get-artifact?name=iris&version=1&path=model.pkl')).text, 'weights')
    const asked = '/api/2.0/mlflow/model-versions/get-artifact?name=iris&version=1&presigned=true&path=model.pkl'
    const link = (await send('GET', asked)).json as { url?: string; headers?: object; file_size?: number }
    assert.deepEqual([link.headers, link.file_size], [{}, 7])
    const [, secret = ''] = /\/mlflow-artifacts\/links\/([^/]+)\/model\.pkl$/.exec(link.url ?? '') ?? []
    assert.equal((await findLink(bench.room, secret)).size, 7)
    for (const path of ['../1/model.pkl', 'none', '%2e%2e%2fx', '']) {
      for (const presigned of ['false', 'true']) {
        const query = `name=iris&version=1&path=${path}&presigned=${presigned}`
        const answer = await send('GET', `/model-versions/get-artifact?${query}`)
        assert.ok(answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`)
      }
    }
  })

  it('tells of a version of a logged model which model it was', async () => {
    const { run } = await runWithModel(bench)
    const { id } = await loggedModel(bench, run)
    const asked = { name: 'iris', source: `models:/${id}`, model_id: id }
    const { json } = await rpc('POST', 'model-versions/create', asked)
    const version = json['model_version'] as Record<string, string>
    assert.deepEqual([version['model_id'], version['run_id'], version['version']], [id, run, '2'])
    const latest = await rpc('POST', 'registered-models/get-latest-versions', { name: 'iris' })
    const found = latest.json['model_versions'] as { version: string }[]
    assert.deepEqual(
      found.map((one) => one.version),
      ['2'],
    )
  })
})
