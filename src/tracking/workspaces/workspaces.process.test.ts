/** Workspaces over HTTP: the header chooses the project, tokens of a project stay in theirs, only what is empty goes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { quietServerOnce } from '../../../test/server.ts'
import type { TestServer } from '../../../test/server.ts'

describe('workspaces', () => {
  let server: TestServer
  quietServerOnce((started) => {
    server = started
  })

  interface Asked {
    readonly body?: unknown
    readonly workspace?: string
    readonly token?: string
  }
  const call = async (method: string, path: string, asked: Asked = {}) => {
    const reply = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${asked.token ?? server.token}`,
        'content-type': 'application/json',
        ...(asked.workspace !== undefined && { 'x-mlflow-workspace': asked.workspace }),
      },
      ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
    })
    const text = await reply.text()
    return { status: reply.status, json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
  }
  const EXPERIMENTS = '/api/2.0/mlflow/experiments'
  const WORKSPACES = '/api/3.0/mlflow/workspaces'
  const names = async (workspace?: string): Promise<string[]> => {
    const found = await call('POST', `${EXPERIMENTS}/search`, {
      body: { max_results: 100 },
      ...(workspace !== undefined && { workspace }),
    })
    return (found.json['experiments'] as { name: string }[]).map((one) => one.name).sort()
  }

  test('are made, described, listed, and deleted while they are empty', async () => {
    const made = await call('POST', WORKSPACES, { body: { name: 'team-a', description: 'first' } })
    assert.deepEqual([made.status, made.json], [201, { workspace: { name: 'team-a', description: 'first' } }])
    assert.equal(
      (await call('POST', WORKSPACES, { body: { name: 'team-a' } })).json['error_code'],
      'RESOURCE_ALREADY_EXISTS',
    )
    const changed = await call('PATCH', `${WORKSPACES}/team-a`, { body: { description: 'second' } })
    assert.deepEqual(changed.json, { workspace: { name: 'team-a', description: 'second' } })
    const listed = (await call('GET', WORKSPACES)).json['workspaces'] as { name: string }[]
    assert.deepEqual(
      listed.map((one) => one.name),
      ['default', 'team-a'],
    )
    assert.equal((await call('DELETE', `${WORKSPACES}/team-a`)).status, 204)
    assert.equal((await call('GET', `${WORKSPACES}/team-a`)).json['error_code'], 'RESOURCE_DOES_NOT_EXIST')
    assert.equal((await call('DELETE', `${WORKSPACES}/default`)).status, 400)
    for (const bad of ['', 'a/b', '../x', 'x'.repeat(129)]) {
      assert.equal((await call('POST', WORKSPACES, { body: { name: bad } })).status, 400, bad)
    }
  })

  test('the header decides where things go and what is seen; the same name may be in two', async () => {
    for (const workspace of ['team-b', 'team-c']) {
      const made = await call('POST', `${EXPERIMENTS}/create`, { workspace, body: { name: 'same' } })
      assert.equal(made.status, 200, JSON.stringify(made.json))
      const run = await call('POST', '/api/2.0/mlflow/runs/create', { workspace, body: { experiment_id: '0' } })
      assert.equal(run.status, 200, JSON.stringify(run.json))
    }
    assert.deepEqual(await names('team-b'), ['Default', 'same'])
    assert.deepEqual(await names('default'), ['Default'])
    assert.equal((await names()).filter((one) => one === 'same').length, 2)
    assert.equal((await call('DELETE', `${WORKSPACES}/team-b`)).status, 400)
    assert.equal((await call('DELETE', `${WORKSPACES}/team-b?mode=SOMEHOW`)).status, 400)
  })

  test('files of another workspace do not exist', async () => {
    const made = await call('POST', '/api/2.0/mlflow/runs/create', {
      workspace: 'team-b',
      body: { experiment_id: '0' },
    })
    const { artifact_uri } = (made.json['run'] as { info: { artifact_uri: string } }).info
    const path = `/api/2.0/mlflow-artifacts/artifacts/${artifact_uri.replace('mlflow-artifacts:/', '')}/a.txt`
    assert.equal((await call('PUT', path, { workspace: 'team-b', body: 'text' })).status, 200)
    assert.equal((await call('GET', path, { workspace: 'team-b' })).status, 200)
    assert.equal((await call('GET', path, { workspace: 'team-c' })).status, 404)
  })

  test('go with their runs, files, models and aliases', async () => {
    const workspace = 'team-d'
    const post = async (path: string, body: object) => {
      const done = await call('POST', `/api/2.0/mlflow/${path}`, { workspace, body })
      assert.equal(done.status, 200, JSON.stringify(done.json))
      return done.json
    }
    const { info } = (await post('runs/create', { experiment_id: '0' }))['run'] as {
      info: { run_id: string; artifact_uri: string }
    }
    const path = `/api/2.0/mlflow-artifacts/artifacts/${info.artifact_uri.replace('mlflow-artifacts:/', '')}/m/MLmodel`
    assert.equal((await call('PUT', path, { workspace, body: { a: 1 } })).status, 200)
    await post('registered-models/create', { name: 'of d' })
    await post('model-versions/create', { name: 'of d', source: `runs:/${info.run_id}/m`, run_id: info.run_id })
    await post('registered-models/alias', { name: 'of d', alias: 'production', version: '1' })
    const gone = await call('DELETE', `${WORKSPACES}/${workspace}?mode=CASCADE`)
    assert.equal(gone.status, 204, JSON.stringify(gone.json))
    assert.equal((await call('GET', '/api/2.0/mlflow/registered-models/get?name=of%20d')).status, 404)
    assert.equal((await call('GET', `/api/2.0/mlflow/runs/get?run_id=${info.run_id}`)).status, 404)
    assert.equal((await call('GET', path)).status, 404)
    const listed = (await call('GET', WORKSPACES)).json['workspaces'] as { name: string }[]
    assert.ok(listed.every((one) => one.name !== workspace))
  })

  test('are given to the default one with their models, seen there afterwards', async () => {
    const workspace = 'team-e'
    await call('POST', `${EXPERIMENTS}/create`, { workspace, body: { name: 'of e' } })
    const model = { workspace, body: { name: 'of e' } }
    assert.equal((await call('POST', '/api/2.0/mlflow/registered-models/create', model)).status, 200)
    assert.equal((await call('DELETE', `${WORKSPACES}/${workspace}?mode=SET_DEFAULT`)).status, 204)
    assert.ok((await names('default')).includes('of e'))
    const got = await call('GET', '/api/2.0/mlflow/registered-models/get?name=of%20e', { workspace: 'default' })
    assert.equal(got.status, 200, JSON.stringify(got.json))
  })

  test('a token of a project is refused in another, and a name that is none everywhere', async () => {
    const made = await call('POST', '/v1/tokens', { body: { name: 't', role: 'contributor', project: 'team-b' } })
    const token = String(made.json['token'])
    const search = `${EXPERIMENTS}/search`
    const body = { max_results: 10 }
    assert.equal((await call('POST', search, { token, workspace: 'team-b', body })).status, 200)
    const refused = await call('POST', search, { token, workspace: 'team-c', body })
    assert.deepEqual([refused.status, refused.json['error_code']], [403, 'PERMISSION_DENIED'])
    assert.equal((await call('POST', WORKSPACES, { token, body: { name: 'mine' } })).status, 403)
    assert.equal((await call('POST', search, { workspace: '../x', body })).status, 400)
    const info = await call('GET', '/api/3.0/mlflow/server-info')
    assert.equal(info.json['workspaces_enabled'], true)
  })
})
