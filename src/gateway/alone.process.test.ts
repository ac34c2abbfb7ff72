/** A gateway without a control process, as an image starts it: who may ask, by which name, and how it ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, it } from 'node:test'
import { writeModel } from '../cli/image/image.fixture.ts'

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

function start(env: Record<string, string>): ChildProcess {
  const settings = { SLIPWAY_HOST: '127.0.0.1', SLIPWAY_PORT: '0', SLIPWAY_DATA: join(root, 'data'), ...env }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'alone.ts'), folder], {
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
