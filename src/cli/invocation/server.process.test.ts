/** How a command finds its server: flag before environment before the data folder, and what is said when there is none. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { freePort } from '../../../test/programs/free-port.ts'
import { CallError } from '../../client/client.ts'
import { authApi } from '../../contract/auth.ts'
import { makeFolderKey, proofOf } from '../../store/folder-proof.ts'
import { CONFIG, config } from './config.ts'
import { UsageError } from './command.ts'
import type { Invocation } from './command.ts'
import { SILENT } from './output.ts'
import { connect, dataDir } from './server.ts'
import { readServerFile } from './server-file.ts'

const KEYS = ['SLIPWAY_DATA', 'SLIPWAY_URL', 'SLIPWAY_TOKEN'] as const
const root = mkdtempSync(join(tmpdir(), 'slipway-connect-'))
after(() => rmSync(root, { recursive: true, force: true }))

const environment = KEYS.map((key) => [key, process.env[key]] as const)
beforeEach(() => {
  for (const key of KEYS) delete process.env[key]
})
afterEach(() => {
  for (const [key, value] of environment) {
    if (value === undefined) delete process.env[key]
    else process.env[key] = value
  }
})

function asked(flags: Invocation['flags']): Invocation {
  return { args: [], flags, out: SILENT }
}

let made = 0
function folder(files: Readonly<Record<string, string>> = {}): string {
  const path = join(root, `d${made++}`)
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

function serverFile(url: string, token_file: string): string {
  return JSON.stringify({ url, gateway_url: '', grpc_address: null, pid: 1, version: '0', token_file })
}

describe('the data folder', () => {
  it('is that of the flag, else of the environment, else .slipway', () => {
    assert.equal(dataDir(asked({})), resolve('.slipway'))
    process.env['SLIPWAY_DATA'] = ''
    assert.equal(dataDir(asked({})), resolve('.slipway'))
    process.env['SLIPWAY_DATA'] = '/data/a'
    assert.equal(dataDir(asked({})), '/data/a')
    assert.equal(dataDir(asked({ data: 'b' })), resolve('b'))
  })
})

describe('the server file', () => {
  it('that is not there means that no server runs', async () => {
    const data = folder()
    assert.equal(await readServerFile(data), undefined)
    await assert.rejects(connect(asked({ data })), {
      message: `no server runs in ${data}\nStart one: slipway serve --data ${data}`,
    })
  })
  const ODD: Readonly<Record<string, readonly [string, RegExp]>> = {
    'is empty': ['', /^(.*)server\.json is no JSON, it is empty$/],
    'is cut off': ['{"url": "http://127.0.0.1:4600", "pi', /server\.json is no JSON: \{"url": "http:.*"pi$/],
    'holds a number as address': ['{"url": 5}', /^"url" of .*server\.json is 5; expected string, received number$/],
    'has no address': ['{}', /^"url" of .*server\.json is missing; expected string/],
    'holds another scheme': ['{"url":"ftp://x"}', /^"url" of .* is "ftp:\/\/x"; expected an address of a server/],
    'holds no host': ['{"url":"http://"}', /^"url" of .* is "http:\/\/"; expected an address of a server/],
    'holds a list as gateway': ['{"url":"http://x","gateway_url":[]}', /^"gateway_url" of .* is \[\]/],
    'holds a text as process': ['{"url":"http://x","pid":"1"}', /^"pid" of .* is "1"; expected number/],
    'holds an object as token file': ['{"url":"http://x","token_file":{}}', /^"token_file" of .* is \{\}/],
    'is null': ['null', /^.*server\.json is null; expected object/],
    'is a list': ['[]', /^.*server\.json is \[\]; expected object/],
    'is long': [`{"url":"${'x'.repeat(5000)}"}`, /^"url" of .{1,200} is "x{79}…; expected an address/],
  }
  for (const [what, [text, first]] of Object.entries(ODD))
    it(`that ${what} is named, with what helps`, async () => {
      const data = folder({ 'server.json': text })
      await assert.rejects(connect(asked({ data })), (error: Error) => {
        const [line = '', help = ''] = error.message.split('\n')
        assert.match(line, first)
        assert.ok(line.includes(join(data, 'server.json')), line)
        assert.match(help, /remove it and start the server again \(slipway serve --data .*\), or name its address/)
        return true
      })
      // who names another server does not need it
      assert.equal((await connect(asked({ data, url: 'http://named' }))).client.url, 'http://named')
    })
  it('that is a folder, a device or may not be read is named', async () => {
    const data = folder()
    mkdirSync(join(data, 'server.json'))
    await assert.rejects(connect(asked({ data })), /server\.json is a folder; expected the file that a running server/)
    const device = folder()
    symlinkSync('/dev/zero', join(device, 'server.json'))
    await assert.rejects(connect(asked({ data: device })), /server\.json is a device; expected a file/)
  })
})

describe('the address of the server', () => {
  it('is that of the flag, else of the environment, else of the server file', async () => {
    const data = folder({ 'server.json': serverFile('http://file', 'none') })
    assert.equal((await connect(asked({ data }))).client.url, 'http://file')
    process.env['SLIPWAY_URL'] = 'http://environment'
    assert.equal((await connect(asked({ data }))).client.url, 'http://environment')
    assert.equal((await connect(asked({ data, url: 'https://flag' }))).client.url, 'https://flag')
  })

  it('may be written in capitals, with blanks around it, slashes behind it and a path', async () => {
    for (const [given, url] of [
      ['HTTP://127.0.0.1:4600', 'http://127.0.0.1:4600'],
      ['Https://Host.example/', 'https://Host.example'],
      [' http://host/slipway// ', 'http://host/slipway'],
    ] as const)
      assert.equal((await connect(asked({ data: folder(), url: given }))).client.url, url)
    const data = folder({ 'server.json': serverFile('http://127.0.0.1:4600', 'none'), token: 'of-folder' })
    assert.equal((await connect(asked({ data, url: 'HTTP://LOCALHOST:4600/' }))).token, 'of-folder')
  })

  it('is refused with a user or password, which are not repeated', async () => {
    await assert.rejects(connect(asked({ data: folder(), url: 'http://ana:s3cret@host' })), (error: Error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, /the server address of --url is an address with a user or password in it/)
      assert.doesNotMatch(error.message, /s3cret/)
      return true
    })
  })

  const WRONG = ['localhost:4600', 'ftp://host', 'http://', 'https:///path', '', 'http://a b', 'http://host:99999']
  for (const url of [...WRONG, 'http://host?x=1', 'http://host/#there', 'http://[::1', 'http://%']) {
    it(`is refused as "${url}"`, async () => {
      await assert.rejects(connect(asked({ data: folder(), url })), (error: unknown) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, /expected one that begins with http:\/\/ or https:\/\//)
        return true
      })
    })
  }
})

describe('the token', () => {
  it('is that of the environment, else of the data folder, else of the file that the server names', async () => {
    const data = folder({ token: ' of-folder \n' })
    const url = 'http://127.0.0.1:4600'
    assert.equal((await connect(asked({ data, url }))).token, 'of-folder')
    const other = join(folder({ secret: 'of-server\n' }), 'secret')
    // as a server in a container names the folder, where this machine may have a file of that name too
    for (const elsewhere of [other, '/data/of/the/container/token']) {
      writeFileSync(join(data, 'server.json'), serverFile(url, elsewhere))
      assert.equal((await connect(asked({ data }))).token, 'of-folder', elsewhere)
    }
    const bare = folder({ 'server.json': serverFile(url, other) })
    assert.equal((await connect(asked({ data: bare }))).token, 'of-server')
    process.env['SLIPWAY_TOKEN'] = 'of-environment'
    assert.equal((await connect(asked({ data }))).token, 'of-environment')
  })

  it('is empty where there is none', async () => {
    assert.equal((await connect(asked({ data: folder(), url: 'http://127.0.0.1:4600' }))).token, '')
  })

  it('of the folder goes to the server of the folder, by each of its names, and to no other', async () => {
    const data = folder({ token: 'of-folder' })
    writeFileSync(join(data, 'server.json'), serverFile('http://127.0.0.1:4600', join(data, 'token')))
    const sent = async (url: string): Promise<string> => (await connect(asked({ data, url }))).token
    for (const own of ['http://127.0.0.1:4600/', 'http://localhost:4600', 'http://[::1]:4600/prefix'])
      assert.equal(await sent(own), 'of-folder', own)
    const others = [
      'http://127.0.0.1:4601',
      'https://127.0.0.1:4600',
      'https://elsewhere.example',
      'http://127.example.org:4600',
    ]
    for (const other of others) assert.equal(await sent(other), '', other)
  })

  it('of a folder without a running server goes to no other machine', async () => {
    const data = folder({ token: 'of-folder' })
    for (const url of ['http://elsewhere.example:4600', 'https://localhost.example.org'])
      assert.equal((await connect(asked({ data, url }))).token, '', url)
  })
})

describe('a call', () => {
  let server: Server
  let url: string
  const headers: (string | undefined)[] = []
  let key: Buffer = Buffer.alloc(0)
  let answer: readonly [status: number, body: string] = [200, '{}']
  before(async () => {
    server = createServer((request, response) => {
      const nonce = /^\/v1\/proof\?nonce=(.*)$/.exec(request.url ?? '')?.[1]
      if (nonce !== undefined) return response.end(JSON.stringify({ url, proof: proofOf(key, url, nonce) }))
      headers.push(request.headers.authorization)
      response.writeHead(answer[0]).end(answer[1])
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  async function failure(data: string): Promise<CallError> {
    const { client } = await connect(asked({ data, url }))
    return client.call(authApi.createLoginLink).then(
      () => assert.fail('the call is answered'),
      (error: unknown) => {
        assert.ok(error instanceof CallError)
        return error
      },
    )
  }

  it('carries the token, and no header where there is none', async () => {
    answer = [200, '{"url": "x"}']
    headers.length = 0
    const data = folder({ token: 'abc' })
    key = makeFolderKey(data)
    for (const one of [data, folder()])
      await (await connect(asked({ data: one, url }))).client.call(authApi.createLoginLink)
    assert.deepEqual(headers, ['Bearer abc', undefined])
  })

  it('that is refused keeps what the server said of it', async () => {
    const error = { code: 'unauthenticated', message: 'who is it', help: 'log in', request_id: 'r1', details: { a: 1 } }
    answer = [401, JSON.stringify({ error })]
    const { code, status, message, help, request_id, details } = await failure(folder())
    const why = /^No token was sent: there is no .*token; set SLIPWAY_TOKEN to one of http/
    assert.match(help, why)
    assert.deepEqual({ code, message, help, request_id, details }, { ...error, help })
    assert.equal(status, 401)
  })

  it('that is answered by something else says what that said', async () => {
    answer = [502, 'bad gateway']
    const { code, status, message } = await failure(folder())
    assert.deepEqual([code, status, message], ['unknown', 502, 'bad gateway'])
    answer = [503, '']
    assert.equal((await failure(folder())).message, 'Service Unavailable')
  })

  it('to a server that is gone says so and what to do', async () => {
    const data = folder({ 'server.json': serverFile(`http://127.0.0.1:${await freePort()}`, 'none') })
    const { client } = await connect(asked({ data }))
    await assert.rejects(client.call(authApi.createLoginLink), {
      name: 'CallError',
      code: 'unreachable',
      status: 0,
      help: 'Is the server running? slipway serve',
    })
  })
})

describe('configuration keys', () => {
  it('are named once each, with their meaning', () => {
    const keys = CONFIG.map(({ key }) => key)
    assert.deepEqual([...new Set(keys)], keys)
    for (const one of CONFIG) {
      assert.match(one.key, /^SLIPWAY_[A-Z_]+$/)
      assert.match(one.meaning, /^\S.*\.$/)
      assert.notEqual(one.default, '')
    }
  })

  it('are unset where they are empty', () => {
    process.env['SLIPWAY_URL'] = ''
    assert.equal(config('SLIPWAY_URL'), undefined)
    process.env['SLIPWAY_URL'] = 'x'
    assert.equal(config('SLIPWAY_URL'), 'x')
  })
})
