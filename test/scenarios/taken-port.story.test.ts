/** A server is killed and another program takes its port: no command and no notebook tells that program a token. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { slipway } from '../../src/cli/program.fixture.ts'
import { freePort } from '../programs/free-port.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const call = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const EMPTY = { SLIPWAY_URL: '', SLIPWAY_TOKEN: '' }

interface Foreign {
  readonly server: Server
  /** What of each request could be a secret. */
  readonly told: { url: string; authorization: string | undefined; body: string }[]
}

/** Listens at a port and says yes to everything; `proof` is asked for what it answers to a proof. */
async function takePort(port: number, proof?: (request: IncomingMessage) => Promise<string>): Promise<Foreign> {
  const told: Foreign['told'] = []
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = []
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
      const { url = '', headers } = request
      told.push({ url, authorization: headers.authorization, body: Buffer.concat(parts).toString() })
      response.end(url.startsWith('/v1/proof') && proof !== undefined ? await proof(request) : '{"items": []}')
    })()
  })
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return { server, told }
}

function close({ server }: Foreign): Promise<unknown> {
  server.closeAllConnections()
  return new Promise((done) => server.close(done))
}

/** What a notebook in the folder's environment says of its newest runs. */
async function notebook(data: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const code =
    'from slipway.display.server import find_server\ntry:\n  print(find_server().items("/v1/runs"))\nexcept Exception as e:\n  print(e)'
  const given = { ...process.env, ...EMPTY, SLIPWAY_DATA: data, PYTHONPATH: join(ROOT, 'python'), ...env }
  return (await call('python3', ['-c', code], { env: given })).stdout
}

const portOf = (url: string): number => Number(new URL(url).port)

describe('a port that another program took', () => {
  let server: TestServer
  const data = mkdtempSync(join(tmpdir(), 'slipway-taken-'))
  const rows = join(data, 'rows.json')
  before(async () => {
    // a port that no connection of another takes once the server is gone
    server = await startTestServer({ data, gateways: 1, args: ['--port', String(await freePort())] })
    writeFileSync(rows, '[{"secret_column": 1}]')
  })
  after(async () => {
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  })

  test('while the server lives it is asked with the token, by commands, predictions and notebooks', async () => {
    const runs = await slipway({ ...EMPTY, SLIPWAY_DATA: data }, 'runs')
    assert.equal(runs.code, 0, runs.text)
    assert.match(await notebook(data), /^\[\]/)
    // the gateway takes the token: it knows no such endpoint
    const predicted = await slipway({ ...EMPTY, SLIPWAY_DATA: data }, 'predict', 'none', `@${rows}`)
    assert.match(predicted.text, /endpoint "?none"? does not exist/)
    // by another name of this machine too, with a slash at its end
    for (const url of [`${server.url}/`, server.url.replace('127.0.0.1', 'localhost'), `${server.url}//`]) {
      const named = await slipway({ ...EMPTY, SLIPWAY_DATA: data, SLIPWAY_URL: url }, 'runs')
      assert.equal(named.code, 0, named.text)
    }
    // who names server and token asks it without a look at the folder
    const { url, token } = server
    assert.equal((await slipway({ SLIPWAY_DATA: data, SLIPWAY_URL: `${url}/`, SLIPWAY_TOKEN: token }, 'runs')).code, 0)
  })

  test('after kill -9 is told nothing, whether the token is that of the folder or of the environment', async () => {
    await server.kill()
    const foreign = await takePort(portOf(server.url))
    for (const SLIPWAY_TOKEN of ['', 'slw_of-the-environment']) {
      const env = { SLIPWAY_URL: '', SLIPWAY_DATA: data, SLIPWAY_TOKEN }
      for (const words of SLIPWAY_TOKEN === ''
        ? [['runs'], ['env'], ['env', '--link'], ['doctor']]
        : [['runs'], ['doctor']]) {
        const { code, text } = await slipway(env, ...words)
        assert.notEqual(code, 0, words.join(' '))
        assert.match(text, /what answers at \S+ is not the server of \S+: the token was not sent/, words.join(' '))
        assert.ok(!text.includes(server.token), words.join(' '))
      }
      assert.match(await notebook(data, { SLIPWAY_TOKEN }), /is not the server of .*: the token was not sent/)
    }
    const others = foreign.told.filter(({ url }) => !/^\/v1\/(proof\?|health$)/.test(url))
    assert.deepEqual(others, [], 'nothing but the question for a proof, and for its health, was asked')
    assert.deepEqual(
      foreign.told.filter(({ authorization }) => authorization !== undefined),
      [],
    )
    await close(foreign)
  })

  test('is not helped by handing the question on to the server, which listens elsewhere now', async () => {
    const was = server.url
    const noted = readFileSync(join(data, 'server.json'), 'utf8')
    server = await startTestServer({ data, gateways: 1 })
    assert.notEqual(server.url, was)
    const foreign = await takePort(
      portOf(was),
      async ({ url }) => (await fetch(`${server.url}${url}`)).text(), // a true answer of the true server
    )
    const now = readFileSync(join(data, 'server.json'), 'utf8')
    writeFileSync(join(data, 'server.json'), noted)
    const { text } = await slipway({ ...EMPTY, SLIPWAY_DATA: data }, 'runs')
    assert.match(text, /is not the server of/)
    assert.match(await notebook(data), /is not the server of/)
    writeFileSync(join(data, 'server.json'), now)
    assert.ok(foreign.told.every(({ authorization }) => authorization === undefined))
    await close(foreign)
  })

  test('of predictions is told neither the token nor the rows', async () => {
    const file = join(data, 'server.json')
    const noted = readFileSync(file, 'utf8')
    const foreign = await takePort(0, async ({ url }) => (await fetch(`${server.gatewayUrl}${url}`)).text())
    const port = (foreign.server.address() as { port: number }).port
    writeFileSync(file, JSON.stringify({ ...JSON.parse(noted), gateway_url: `http://127.0.0.1:${port}` }))
    const { code, text } = await slipway({ ...EMPTY, SLIPWAY_DATA: data }, 'predict', 'none', `@${rows}`)
    assert.equal(code, 3)
    assert.match(text, /is not the server of/)
    assert.deepEqual(
      foreign.told.map(({ url, authorization, body }) => [url.split('?')[0], authorization, body]),
      [['/v1/proof', undefined, '']],
    )
    writeFileSync(file, noted)
    await close(foreign)
  })
})

describe('a token that is not sent', () => {
  test('is told with the 401: a foreign server, a file that cannot be read, one that holds none', async () => {
    const server = await startTestServer()
    const other = mkdtempSync(join(tmpdir(), 'slipway-other-'))
    const noted = JSON.parse(readFileSync(join(server.data, 'server.json'), 'utf8')) as object
    const said = async (env: Readonly<Record<string, string>>): Promise<string> => {
      const { code, text } = await slipway({ ...EMPTY, SLIPWAY_DATA: other, ...env }, 'runs')
      assert.equal(code, 2, text)
      assert.match(text, /credential/)
      return text
    }
    try {
      writeFileSync(join(other, 'token'), 'slw_of-the-other')
      const own = { url: 'http://127.0.0.1:1', gateway_url: '', pid: 1, token_file: join(other, 'token') }
      writeFileSync(join(other, 'server.json'), JSON.stringify(own))
      const foreign = await said({ SLIPWAY_URL: server.url })
      assert.match(
        foreign,
        /No token was sent: the one of \S+ is for its own server alone \(that of http:\/\/127\.0\.0\.1:1\); set SLIPWAY_TOKEN/,
      )
      // one that lies beside server.json is taken before the one that it names
      rmSync(join(other, 'token'))
      for (const [token_file, why] of [
        [other, /No token was sent: \S+ cannot be read \(EISDIR.*\); run as its owner, or set SLIPWAY_TOKEN/],
        [join(other, 'nothing'), /No token was sent: there is no \S+nothing; set SLIPWAY_TOKEN/],
        [join(other, 'odd'), /No token was sent: \S+odd holds none; set SLIPWAY_TOKEN/],
      ] as const) {
        writeFileSync(join(other, 'odd'), 'two\nlines')
        writeFileSync(join(other, 'server.json'), JSON.stringify({ ...noted, token_file }))
        assert.match(await said({}), why)
      }
    } finally {
      await server.stop()
      rmSync(other, { recursive: true, force: true })
    }
  })
})
