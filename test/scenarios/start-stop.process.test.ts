/** The life of the control process: what it leaves and takes away, who may share its folder, how it stops, and a full disk. */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ServerFile } from '../../src/cli/invocation/server-file.ts'
import { send } from '../fixtures/send.ts'
import { refusedStart, startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

function temporary(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'slipway-life-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

describe('start and stop', () => {
  const folder = temporary()
  const file = join(folder.path, 'server.json')
  let server: TestServer
  before(async () => {
    server = await startTestServer({ data: folder.path })
  })
  after(async () => {
    await server.stop()
    folder.remove()
  })

  test('server.json says where the server is, the token is its owner’s alone', async () => {
    const said = JSON.parse(readFileSync(file, 'utf8')) as ServerFile
    assert.deepEqual(Object.keys(said).sort(), ['gateway_url', 'grpc_address', 'pid', 'token_file', 'url', 'version'])
    assert.equal(said.url, server.url)
    assert.equal(said.pid, server.pid)
    assert.equal(statSync(said.token_file).mode & 0o777, 0o600)
    assert.equal((await send(server, 'GET', '/v1/me')).status, 200)
  })

  test('a second server on the same folder is refused, with the first one’s address, and changes nothing', async () => {
    const was = readFileSync(file, 'utf8')
    const { code, errors } = await refusedStart({ data: folder.path })
    assert.equal(code, 3)
    assert.ok(errors.includes(`another server runs at ${server.url} (process ${server.pid})`), errors)
    assert.match(errors, /--data DIR/)
    assert.equal(errors.includes('    at '), false, 'no stack trace')
    assert.equal(readFileSync(file, 'utf8'), was)
    assert.equal((await send(server, 'GET', '/v1/me')).status, 200)
  })

  test('killed with -9 it leaves server.json; the next start takes the folder over, the token stays', async () => {
    const made = await send(server, 'POST', '/api/2.0/mlflow/experiments/create', { name: 'kept' })
    assert.equal(made.status, 200)
    const { token, pid } = server
    await server.kill()
    assert.ok(existsSync(file))
    rmSync(file)
    mkdirSync(file)
    const { code, errors } = await refusedStart({ data: folder.path })
    assert.deepEqual([code, errors.includes(`${file} is a folder, where the server writes a file`)], [3, true], errors)
    rmdirSync(file)
    // as a file that was cut: who starts the server again needs nothing of it
    writeFileSync(file, '{"url": 5')
    server = await startTestServer({ data: folder.path })
    assert.notEqual(server.pid, pid)
    assert.equal(server.token, token)
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as ServerFile).pid, server.pid)
    assert.equal(
      (await send(server, 'GET', '/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept')).status,
      200,
    )
  })

  test('SIGTERM: an upload under way ends well, streams of events end, nobody new is let in, server.json goes', async () => {
    const path = '/api/2.0/mlflow-artifacts/artifacts/0/late/artifacts/slow.txt'
    const events = await fetch(`${server.url}/v1/changes`, { headers: { authorization: `Bearer ${server.token}` } })
    const stream = events.text()
    const slow = slowBody(['one', 'two', 'three'])
    const upload = fetch(server.url + path, {
      method: 'PUT',
      headers: { authorization: `Bearer ${server.token}` },
      body: slow.body,
      duplex: 'half',
    })
    // the upload has to have begun before the server is told to stop
    const arriving = join(folder.path, 'blobs/tmp')
    await until('the upload', () => readdirSync(arriving).length > 0)
    const { url } = server
    const stopped = server.stop()
    assert.match(await stream, /^: open/)
    await assert.rejects(fetch(`${url}/v1/health`), 'a new connection is refused')
    assert.equal(existsSync(file), false)
    slow.finish()
    const answer = await upload
    assert.equal(answer.status, 200)
    assert.equal(await stopped, 0)
    server = await startTestServer({ data: folder.path })
    assert.equal((await send(server, 'GET', path)).text, 'onetwothree')
  })

  test('a clean stop ends with 0 and without a word on standard error', async () => {
    assert.equal(await server.stop(), 0)
    assert.equal(server.errors(), '')
    assert.equal(existsSync(file), false)
  })
})

/** A body whose first part is sent at once and whose rest waits for `finish`. */
function slowBody(parts: readonly string[]): { body: ReadableStream<Uint8Array>; finish: () => void } {
  const rest = Promise.withResolvers<void>()
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encode(parts[0] ?? ''))
      await rest.promise
      for (const part of parts.slice(1)) controller.enqueue(encode(part))
      controller.close()
    },
  })
  return { body, finish: rest.resolve }
}

describe('without authentication', () => {
  for (const host of ['0.0.0.0', '::', 'models.example.org']) {
    test(`--no-auth is refused on ${host}`, async () => {
      const folder = temporary()
      const { code, errors } = await refusedStart({ data: folder.path, args: ['--no-auth', '--host', host] })
      folder.remove()
      assert.equal(code, 2)
      assert.ok(errors.includes(`refused on ${host}`), errors)
    })
  }

  test('on loopback everyone is admin, and it says so loudly; a token of another server counts as none', async () => {
    const server = await startTestServer({ args: ['--no-auth'] })
    try {
      const me = await fetch(`${server.url}/v1/me`)
      assert.equal(((await me.json()) as { role: string }).role, 'admin')
      const foreign = await fetch(`${server.url}/v1/me`, {
        headers: { authorization: 'Bearer slw_a.bbbbbbbbbbbbbbbbbbbb' },
      })
      assert.equal(((await foreign.json()) as { role: string }).role, 'admin')
      assert.match(server.errors(), /WARNING.*--no-auth/)
    } finally {
      await server.stop()
    }
  })
})

describe('the hook for test suites', () => {
  test('is not there unless it was asked for', async () => {
    const server = await startTestServer()
    try {
      assert.equal((await send(server, 'POST', '/__reset', {})).status, 404)
    } finally {
      await server.stop()
    }
  })

  test('empties runs, experiments and models for an admin, and nobody else', async () => {
    const server = await startTestServer({ env: { SLIPWAY_TEST_HOOKS: '1' } })
    try {
      const mlflow = (path: string, body: object) => send(server, 'POST', `/api/2.0/mlflow/${path}`, body)
      assert.equal((await mlflow('experiments/create', { name: 'one' })).status, 200)
      assert.equal((await mlflow('runs/create', { experiment_id: '0' })).status, 200)
      assert.equal(
        (await mlflow('registered-models/create', { name: 'm', tags: [{ key: 'a', value: 'b' }] })).status,
        200,
      )
      assert.equal((await fetch(`${server.url}/__reset`, { method: 'POST' })).status, 401)
      const body = { artifact_root: '/tmp/a', artifacts_destination: null, env: {}, cwd: '/', db: null }
      assert.deepEqual(await send(server, 'POST', '/__reset', body), { status: 200, text: '{}' })
      const found = JSON.parse((await mlflow('experiments/search', { max_results: 10 })).text) as {
        experiments: { name: string; experiment_id: string }[]
      }
      assert.deepEqual(
        found.experiments.map(({ name, experiment_id: id }) => [id, name]),
        [['0', 'Default']],
      )
      assert.equal(
        (JSON.parse((await mlflow('runs/search', { experiment_ids: ['0'] })).text) as { runs?: [] }).runs?.length ?? 0,
        0,
      )
      assert.equal((await send(server, 'GET', '/v1/models')).text, '{"items":[]}')
      assert.equal((await mlflow('registered-models/create', { name: 'm' })).status, 200)
      assert.equal((await mlflow('experiments/create', { name: 'one' })).status, 200)
    } finally {
      await server.stop()
    }
  })
})

test('a server that has searched ends to its end: its readers are waited for', async () => {
  const server = await startTestServer()
  const headers = { authorization: `Bearer ${server.token}` }
  assert.equal((await fetch(`${server.url}/v1/runs`, { headers })).status, 200)
  assert.equal(await server.stop(), 0)
})
