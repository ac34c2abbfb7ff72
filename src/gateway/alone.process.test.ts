/** A gateway without a control process, as an image starts it: who may ask, by which name, and how it ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, it } from 'node:test'
import { never, until } from '../../test/until.ts'
import { writeModel } from '../cli/image/image.fixture.ts'
import { drainSeconds } from './listening.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-alone-'))
const running: ChildProcess[] = []
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

const TOKEN = 'slw_caller.0123456789abcdef'
const folder = join(root, 'model')
writeModel(join(folder, 'native'))
writeFileSync(
  join(folder, 'serve.json'),
  JSON.stringify({
    format: 'slipway.serve/1',
    endpoint: 'delay',
    model: 'delay',
    version: '3',
    project: 'default',
    tree: null,
    inputs: [{ name: 'x', kind: 'number', required: true, dtype: 'double' }],
    backend: { kind: 'native', dir: 'native' },
  }),
)

/** The same with a model in Python that never finishes loading; its process ends with the gateway's. */
const slow = join(root, 'slow')
mkdirSync(slow)
writeFileSync(join(slow, 'python'), '#!/bin/sh\nexec cat <&3\n', { mode: 0o755 })
writeFileSync(
  join(slow, 'serve.json'),
  JSON.stringify({
    ...(JSON.parse(readFileSync(join(folder, 'serve.json'), 'utf8')) as object),
    backend: { kind: 'python', dir: '.', python: join(slow, 'python'), tensor: null, workers: 1, memory_mb: 64 },
  }),
)

function start(env: Record<string, string>, model = folder): ChildProcess {
  const settings = { SLIPWAY_HOST: '127.0.0.1', SLIPWAY_PORT: '0', SLIPWAY_DATA: join(root, 'data'), ...env }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'alone.ts'), model], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  return child
}

async function ready(child: ChildProcess): Promise<number> {
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
  return (JSON.parse(line) as { port: number }).port
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function predict(port: number, headers: Record<string, string>): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = http.request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/endpoints/delay:predict',
    headers: { 'content-type': 'application/json', ...headers },
  })
  request.on('error', reject)
  request.on('response', (reply) => {
    let body = ''
    reply.on('data', (part: Buffer) => (body += part.toString()))
    reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body }))
  })
  request.end('{"inputs": [{"x": 5}, {"x": 50}]}')
  return promise
}

describe('a gateway alone', () => {
  it('answers who has the token, by any name, and ends by itself when it is told to', async () => {
    const child = start({ SLIPWAY_TOKEN: TOKEN })
    const port = await ready(child)
    const given = { authorization: `Bearer ${TOKEN}` }
    const answered = await predict(port, { ...given, host: 'models.internal.example' })
    assert.equal(answered.status, 200, answered.body)
    assert.partialDeepStrictEqual(JSON.parse(answered.body), { predictions: [11, 12], version: '3', variant: 'stable' })
    const refused = await predict(port, {})
    assert.equal(refused.status, 401)
    const { help } = (JSON.parse(refused.body) as { error: { help: string } }).error
    assert.match(help, /an image that answers alone takes the one that it was started with, SLIPWAY_TOKEN/)
    const [, secret = ''] = TOKEN.split('.')
    for (const authorization of [TOKEN, `Token ${TOKEN}`, `Bearer x${TOKEN}`]) {
      const { status, body } = await predict(port, { authorization })
      assert.equal(status, 401)
      assert.ok(!body.includes(secret.slice(0, 6)), body)
    }
    assert.equal((await predict(port, { authorization: `Bearer ${TOKEN}x` })).status, 401)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.ok(existsSync(join(root, 'data/segments')))
  })

  it('lives as soon as it listens, and is ready when its model is loaded', async () => {
    const statuses = async (port: number): Promise<number[]> =>
      Promise.all(
        ['/health', '/v2/health/live', '/ping', '/v2/health/ready'].map(
          async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
        ),
      )
    const child = start({ SLIPWAY_NO_AUTH: '1' }, slow)
    const lines: string[] = []
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line))
    await until('it to listen', () => lines.length > 0)
    const { listening, port } = JSON.parse(lines[0] ?? '') as { listening: boolean; port: number }
    assert.equal(listening, true)
    assert.deepEqual(await statuses(port), [200, 200, 404, 503])
    await never(
      'a line that it is ready',
      () => lines.length > 1,
      30,
      () => statuses(port),
    )
    child.kill('SIGKILL')
    const quick = start({ SLIPWAY_NO_AUTH: '1' })
    const told = createInterface({ input: quick.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    await told.next()
    const second = JSON.parse(String((await told.next()).value)) as { ready: boolean; port: number }
    assert.equal(second.ready, true)
    assert.deepEqual(await statuses(second.port), [200, 200, 200, 200])
  })

  it('goes on answering after the signal for as long as it is told to, while it says that it is not ready', async () => {
    const child = start({ SLIPWAY_NO_AUTH: '1', SLIPWAY_DRAIN_S: '600' })
    const port = await ready(child)
    child.kill('SIGTERM')
    await until('it to say so', async () => (await fetch(`http://127.0.0.1:${port}/v2/health/ready`)).status === 503)
    assert.equal((await predict(port, {})).status, 200)
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200)
    // who does not want to wait says it twice
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
    assert.deepEqual(
      [{}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, { KUBERNETES_SERVICE_HOST: '10.0.0.1', SLIPWAY_DRAIN_S: '0' }].map(
        drainSeconds,
      ),
      [0, 5, 0],
    )
  })

  it('starts on what a container before it left, also one that was killed', async () => {
    const first = start({ SLIPWAY_NO_AUTH: '1' })
    const port = await ready(first)
    assert.equal((await predict(port, {})).status, 200)
    // without a token it goes by the names that it was given
    const other = await predict(port, { host: 'evil.example' })
    assert.equal(other.status, 403)
    assert.match(other.body, /in an image to SLIPWAY_ALLOW_HOST/)
    // a page of another site in somebody's browser
    assert.equal((await predict(port, { origin: 'https://evil.example' })).status, 403)
    first.kill('SIGKILL')
    await once(first, 'exit')
    const second = start({ SLIPWAY_NO_AUTH: '1', SLIPWAY_ALLOW_HOST: 'models.example,other.example' })
    const again = await ready(second)
    assert.equal((await predict(again, { host: 'other.example' })).status, 200)
    second.kill('SIGINT')
    assert.deepEqual(await once(second, 'exit'), [0, null])
  })

  for (const [name, env, said] of [
    ['nobody said who may ask', {}, /set SLIPWAY_TOKEN .*SLIPWAY_NO_AUTH=1/],
    ['the token is none', { SLIPWAY_TOKEN: 'secret' }, /SLIPWAY_TOKEN is not of the form slw_ID\.SECRET/],
    ['both are said', { SLIPWAY_TOKEN: TOKEN, SLIPWAY_NO_AUTH: '1' }, /both set/],
    ['the time to drain is none', { SLIPWAY_NO_AUTH: '1', SLIPWAY_DRAIN_S: 'soon' }, /SLIPWAY_DRAIN_S is "soon"/],
    ['the port is none', { SLIPWAY_NO_AUTH: '1', SLIPWAY_PORT: '70000' }, /SLIPWAY_PORT is "70000"/],
  ] as const)
    it(`does not start where ${name}, and tells no secret`, async () => {
      const child = start(env)
      let told = ''
      child.stderr?.on('data', (part: Buffer) => (told += part.toString()))
      const [code] = (await once(child, 'close')) as [number]
      assert.equal(code, 2)
      assert.match(told, said)
      assert.doesNotMatch(told, /0123456789abcdef|"secret"/)
    })
})
