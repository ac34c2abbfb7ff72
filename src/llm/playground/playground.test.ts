/** The playground over HTTP before a gateway of the test: what it is asked in whose name, what its answers become, who is refused, and what a caller who leaves ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { serveRoutes } from '../../../test/routes.ts'
import type { ServedRoutes } from '../../../test/routes.ts'
import { tokens } from '../../auth/tokens.ts'
import { CallError, createClient } from '../../client/client.ts'
import { eventsOf } from '../../client/events.ts'
import type { Role } from '../../contract/access.ts'
import { llmKeysApi } from '../../contract/llm/keys.ts'
import { llmPlaygroundApi, PlaygroundEvent } from '../../contract/llm/playground.ts'
import type { PlaygroundCall, PlaygroundEnd } from '../../contract/llm/playground.ts'
import { llmProvidersApi } from '../../contract/llm/providers.ts'
import { callOwnGateway } from '../../serving/fleet/own-call.ts'
import { callOf, folders, partOn, writeCallLog } from '../calls/call.fixture.ts'
import { llmRoutes } from '../routes.ts'
import { playgroundPart } from './playground.ts'
import type { PlaygroundPart } from './playground.ts'

const CALL = { 'x-slipway-call': 'c_1', 'x-slipway-model': 'local/own-model' }
const STREAM = { 'content-type': 'text/event-stream', ...CALL }
const messages: PlaygroundCall['messages'] = [
  { role: 'system', content: 'Be short.' },
  { role: 'user', content: 'Will it be late?' },
]

/** A request of the playground as the gateway got it. */
interface Asked {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

type Script = (response: ServerResponse) => unknown

const chunk = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] })}\n\n`

describe('the playground', () => {
  const asked: Asked[] = []
  const faults: unknown[] = []
  const made = folders()
  const folder = made.make()
  let script: Script = (response) => response.end()
  let refreshed = 0
  let served: ServedRoutes
  let part: PlaygroundPart
  const gateway = createServer((request, response) => {
    const take = async (): Promise<void> => {
      const body = JSON.parse((await buffer(request)).toString()) as Asked['body']
      asked.push({ path: request.url, headers: request.headers, body })
      script(response)
    }
    void take()
  })

  before(async () => {
    await new Promise<void>((done) => gateway.listen(0, '127.0.0.1', done))
    const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
    served = await serveRoutes(['admin', 'viewer', 'contributor'], (deps) => {
      const access = tokens(deps)
      const settled = async (): Promise<void> => void refreshed++
      const room = { ...deps, tokens: access, seal: (text: string) => Buffer.from(text).toString('hex'), settled }
      const calls = partOn(room, folder)
      part = playgroundPart({
        room,
        tokens: access,
        askGateway: (path, call) => callOwnGateway({ tls: undefined, refresh: settled }, { ...call, url: url + path }),
        drain: () => calls.drain(),
        onError: (error) => faults.push(error),
      })
      return [...llmRoutes(room), ...part.routes]
    })
    const admin = clientOf('admin')
    const provider = { provider: 'vllm', base_url: 'http://127.0.0.1:9/v1', api_key: 'k' }
    await admin.call(llmProvidersApi.createLlmProvider, { body: { ...provider, name: 'local' } })
    await admin.call(llmProvidersApi.createLlmProvider, { body: { ...provider, name: 'local', project: 'red' } })
    for (const [name, project] of [
      ['chat', 'default'],
      ['twice', 'default'],
      ['twice', 'red'],
    ])
      await admin.call(llmProvidersApi.createLlmEndpoint, {
        body: { name: String(name), project, models: [{ provider: 'local', model: 'own-model' }], trace: false },
      })
  })
  after(async () => {
    await served.stop()
    gateway.closeAllConnections()
    gateway.close()
    made.remove()
  })

  const clientOf = (role: Role) => createClient({ url: served.server.url, token: served.tokenOf(role) })
  const open = (body: PlaygroundCall, role: Role = 'contributor', signal?: AbortSignal) =>
    clientOf(role).open(llmPlaygroundApi.askPlayground, { body }, signal)

  /** What a call is answered: its text and its end, each event held against the contract. */
  async function answerTo(
    how: Script,
    more: Partial<PlaygroundCall> = {},
  ): Promise<{ text: string; end: PlaygroundEnd; names: string[] }> {
    asked.length = 0
    script = how
    let text = ''
    let end: PlaygroundEnd | undefined
    const names: string[] = []
    for await (const { event, data } of eventsOf(await open({ endpoint: 'chat', messages, ...more }))) {
      const one = PlaygroundEvent.parse({ event, data: JSON.parse(data) as unknown })
      names.push(one.event)
      assert.equal(end, undefined, 'nothing comes behind the end')
      if (one.event === 'text') text += one.data.text
      if (one.event === 'end') end = one.data
    }
    assert.ok(end !== undefined)
    return { text, end, names }
  }

  const refusalOf = async (how: Script) => (await answerTo(how)).end.refusal

  it('an answer comes in pieces, with its tokens, its cost by the record of the call, and what was lost', async () => {
    await writeCallLog(folder, [callOf('c_1', { project: 'default', cost: 21_000 })])
    const { text, end, names } = await answerTo(
      (response) => {
        response.writeHead(200, { ...STREAM, 'x-slipway-cache': 'miss', 'x-slipway-lost': '$.a, $.b' })
        response.write(`: beat\n\n${chunk('It ')}data: {"choices":[],"strange":1}\n\n`)
        response.write(chunk('is🙂.'))
        response.write('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
        response.end('data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}\n\ndata: [DONE]\n\n')
      },
      { temperature: 0, top_p: 0.5, max_tokens: 7 },
    )
    const { ms, first_ms, ...rest } = end
    assert.equal(text, 'It is🙂.')
    assert.deepEqual(names, ['begin', 'text', 'text', 'end'])
    assert.ok(first_ms !== null && first_ms >= 0 && first_ms <= ms)
    assert.deepEqual(rest, {
      call: 'c_1',
      model: 'local/own-model',
      refusal: null,
      finish: 'stop',
      tokens: { input: 11, output: 5 },
      cost_status: 'priced',
      cost_nanodollars: 21_000,
      cache: 'miss',
      lost: ['$.a', '$.b'],
    })
    const [one] = asked
    assert.equal(one?.path, '/v1/chat/completions')
    assert.deepEqual(one?.body, {
      messages,
      temperature: 0,
      top_p: 0.5,
      max_tokens: 7,
      model: 'chat',
      stream: true,
      stream_options: { include_usage: true },
    })
    assert.deepEqual(faults, [])
  })

  it('an answer that comes whole is told as one piece; a cost that nobody recorded is not known', async () => {
    const { text, end } = await answerTo((response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...CALL, 'x-slipway-call': 'c_none' })
      response.end('{"choices":[{"message":{"content":"whole"},"finish_reason":"length"}]}')
    })
    assert.deepEqual(
      [text, end.finish, end.tokens, end.cost_status, end.cost_nanodollars],
      ['whole', 'length', null, null, null],
    )
    assert.match(String(faults.splice(0)), /c_none/)
  })

  it('calls are made in the name of who looks, with a tag, by one token that is theirs alone', async () => {
    const before = refreshed
    const say: Script = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    await answerTo(say)
    const [first] = asked
    await answerTo(say)
    assert.equal(asked[0]?.headers.authorization, first?.headers.authorization)
    script = say
    await (await open({ endpoint: 'chat', messages }, 'admin')).text()
    assert.notEqual(asked[1]?.headers.authorization, first?.headers.authorization)
    assert.ok(refreshed > before, 'gateways are told of a token before it is used')
    const keys = part.keys()
    assert.deepEqual(
      keys.map(({ user }) => String(user)).toSorted((a, b) => a.localeCompare(b)),
      ['admin', 'contributor'],
    )
    assert.ok(keys.every(({ tags, models, content }) => tags[0] === 'playground' && models === null && content))
    const mine = keys.find(({ user }) => user === 'contributor')
    assert.match(first?.headers.authorization ?? '', new RegExp(`^Bearer slw_${mine?.token}\\.`))
  })

  it('a token that is new to the gateway is told to it, and the call made again', async () => {
    const before = refreshed
    const { text } = await answerTo((response) => {
      if (asked.length === 1) response.writeHead(401).end('{}')
      else response.writeHead(200, STREAM).end(chunk('again'))
    })
    assert.equal(text, 'again')
    assert.equal(refreshed, before + 1)
  })

  it('refusals are told by who refused', async () => {
    const refuse =
      (status: number, error: object, headers = {}): Script =>
      (response) =>
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }))
    const spent = { message: 'budget b-1 has no room', type: 'insufficient_quota', code: 'insufficient_quota' }
    assert.deepEqual(await refusalOf(refuse(429, spent)), {
      kind: 'budget',
      status: 429,
      code: 'insufficient_quota',
      message: 'budget b-1 has no room',
    })
    // the account at the provider, and no budget of ours
    assert.equal((await refusalOf(refuse(429, spent, CALL)))?.kind, 'limit')
    assert.equal((await refusalOf(refuse(429, { message: 'm', code: 'rate_limit_exceeded' })))?.kind, 'limit')
    assert.equal((await refusalOf(refuse(400, { message: 'm', code: 'guardrail_blocked' })))?.kind, 'guardrail')
    assert.equal((await refusalOf(refuse(400, { message: 'm', type: 'context_length' }, CALL)))?.kind, 'request')
    assert.equal((await refusalOf(refuse(502, { message: 'm', code: 'upstream_failed' })))?.kind, 'provider')
    const page = await refusalOf((response) => response.writeHead(503).end('<html>'))
    assert.deepEqual([page?.kind, page?.code, page?.status], ['provider', 'http_503', 503])
  })

  it('an answer that breaks off keeps what came, and says why where it was told', async () => {
    const cut = await answerTo((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk('half'), () => response.destroy())
    })
    assert.deepEqual([cut.text, cut.end.refusal?.kind, cut.end.refusal?.code], ['half', 'provider', 'broken_off'])
    const told = await answerTo((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const error = { message: 'card numbers are not let through', code: 'guardrail_blocked' }
      response.write(`${chunk('half')}data: ${JSON.stringify({ error })}\n\n`, () => response.destroy())
    })
    assert.deepEqual(
      [told.text, told.end.refusal?.kind, told.end.refusal?.message],
      ['half', 'guardrail', 'card numbers are not let through'],
    )
    const silent = await refusalOf((response) => response.destroy())
    assert.deepEqual([silent?.kind, silent?.code], ['provider', 'unavailable'])
  })

  it('who leaves ends the call of the gateway', async () => {
    const left = new AbortController()
    let gone: Promise<unknown> | undefined
    script = (response) => {
      gone = once(response, 'close')
      response.writeHead(200, STREAM)
      response.write(chunk('endless'))
    }
    const response = await open({ endpoint: 'chat', messages }, 'contributor', left.signal)
    for await (const { event } of eventsOf(response)) if (event === 'text') break
    left.abort()
    await gone
    // before anything came too
    asked.length = 0
    const early = new AbortController()
    const arrived = new Promise<void>((done) => {
      script = (silent) => {
        gone = once(silent, 'close')
        done()
      }
    })
    await open({ endpoint: 'chat', messages }, 'contributor', early.signal)
    await arrived
    early.abort()
    await gone
    assert.deepEqual(faults, [])
  })

  it('viewers and virtual keys are refused, and what names no endpoint', async () => {
    const refused = (code: string, message: RegExp) => (error: unknown) => {
      assert.ok(error instanceof CallError, String(error))
      assert.equal(error.code, code)
      assert.match(error.message, message)
      return true
    }
    asked.length = 0
    await assert.rejects(open({ endpoint: 'chat', messages }, 'viewer'), refused('forbidden', /viewer/))
    const { token } = await clientOf('admin').call(llmKeysApi.createLlmKey, { body: { name: 'app' } })
    const app = createClient({ url: served.server.url, token })
    await assert.rejects(
      app.open(llmPlaygroundApi.askPlayground, { body: { endpoint: 'chat', messages } }),
      refused('unprocessable', /virtual key/),
    )
    await assert.rejects(open({ endpoint: 'none', messages }), refused('not_found', /"none"/))
    await assert.rejects(open({ endpoint: 'twice', messages }), refused('invalid_field', /default, red/))
    await assert.rejects(open({ endpoint: 'chat', project: 'red', messages }), refused('not_found', /"chat"/))
    await assert.rejects(open({ endpoint: 'chat', messages: [] }), refused('invalid_field', /messages/))
    assert.deepEqual(asked, [])
    script = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    await (await open({ endpoint: 'twice', project: 'red', messages })).text()
    assert.equal(asked.length, 1)
  })

  it('a key of idempotency is not heeded: a stream could not be kept', async () => {
    const headers = { 'idempotency-key': 'k1' }
    const client = createClient({ url: served.server.url, token: served.tokenOf('contributor'), headers })
    asked.length = 0
    for (let i = 0; i < 2; i++)
      await (await client.open(llmPlaygroundApi.askPlayground, { body: { endpoint: 'chat', messages } })).text()
    assert.equal(asked.length, 2)
  })
})
