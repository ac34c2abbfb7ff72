/** Webhooks over HTTP against a real receiver: what is told and signed, retries, what is given up, crashes, who may do what. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { webhooksApi } from '../../src/contract/webhooks.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { until } from '../until.ts'

const SECRET = 'a secret of the receiver'
const ENV = { SLIPWAY_EGRESS_ALLOW: '127.0.0.1', SLIPWAY_LOG_LEVEL: 'fatal' }

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Keeps what it is sent, and answers with the statuses that it was given, then with 200. */
class Receiver {
  told: Told[] = []
  statuses: number[] = []
  readonly #server = http.createServer((request, reply) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      this.told.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') })
      reply.writeHead(this.statuses.shift() ?? 200).end('heard')
    })
  })

  async start(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async until(count: number): Promise<Told[]> {
    await until(`${count} messages`, () => this.told.length >= count)
    return this.told
  }
}

interface Answer {
  readonly status: number
  readonly json: Record<string, unknown>
}

function caller(server: () => TestServer, token: () => string) {
  return async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const reply = await fetch(`${server().url}/api/2.0/mlflow/${path}`, {
      method,
      headers: { authorization: `Bearer ${token()}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: reply.status, json: (await reply.json()) as Record<string, unknown> }
  }
}

const CREATED = [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }]

function bodies(told: readonly Told[]): Record<string, unknown>[] {
  return told.map(({ body }) => JSON.parse(body) as Record<string, unknown>)
}

/** Changes of the same millisecond may come in either order. */
function byKind(list: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const key = (one: Record<string, unknown>): string => JSON.stringify([one['entity'], one['action']])
  return list.toSorted((left, right) => (key(left) < key(right) ? -1 : 1))
}

/** As a receiver checks it, by the rule of the guide. */
function signatureOf({ headers, body }: Told, secret: string): string {
  const text = `${String(headers['x-mlflow-delivery-id'])}.${String(headers['x-mlflow-timestamp'])}.${body}`
  return `v1,${createHmac('sha256', secret).update(text).digest('base64')}`
}

describe('webhooks', () => {
  const receiver = new Receiver()
  let server: TestServer
  let serial = 0
  const call = caller(
    () => server,
    () => server.token,
  )
  before(async () => {
    await receiver.start()
    server = await startTestServer({ env: ENV })
  })
  after(async () => {
    await server.stop()
    receiver.stop()
  })
  beforeEach(async () => {
    receiver.statuses = []
    const { json } = await call('GET', 'webhooks')
    for (const { webhook_id } of (json['webhooks'] ?? []) as { webhook_id: string }[]) {
      await call('DELETE', `webhooks/${webhook_id}`)
    }
    receiver.told = []
  })

  const name = (): string => `m${++serial}`
  const newHook = async (more: object = {}): Promise<string> => {
    const made = await call('POST', 'webhooks', { name: 'hook', url: receiver.url, events: CREATED, ...more })
    assert.equal(made.status, 200, JSON.stringify(made.json))
    return (made.json['webhook'] as { webhook_id: string }).webhook_id
  }
  const newModel = async (): Promise<string> => {
    const model = name()
    assert.equal((await call('POST', 'registered-models/create', { name: model })).status, 200)
    return model
  }
  const deliveries = async (id: string) =>
    (await server.client.call(webhooksApi.listWebhookDeliveries, { params: { id }, query: {} })).items
  const settled = (id: string, state: string): Promise<true> =>
    until(`state ${state}`, async () => (await deliveries(id)).every((one) => one.state === state))

  test('every change of a model is told once, with its data and a signature that its receiver can check', async () => {
    const kinds = [
      ['REGISTERED_MODEL', 'CREATED'],
      ['MODEL_VERSION', 'CREATED'],
      ['MODEL_VERSION_TAG', 'SET'],
      ['MODEL_VERSION_TAG', 'DELETED'],
      ['MODEL_VERSION_ALIAS', 'CREATED'],
      ['MODEL_VERSION_ALIAS', 'DELETED'],
      ['PROMPT', 'CREATED'],
    ]
    const id = await newHook({ secret: SECRET, events: kinds.map(([entity, action]) => ({ entity, action })) })
    const model = name()
    const tags = [{ key: 'a', value: 'b' }]
    await call('POST', 'registered-models/create', { name: model, tags, description: 'd' })
    await call('POST', 'model-versions/create', { name: model, source: 's3://bucket/model', run_id: 'r1', tags })
    await call('POST', 'registered-models/set-tag', { name: model, key: 'untold', value: 'v' })
    await call('POST', 'model-versions/set-tag', { name: model, version: '1', key: 'k', value: 'v' })
    await call('DELETE', 'model-versions/delete-tag', { name: model, version: '1', key: 'k' })
    await call('POST', 'registered-models/alias', { name: model, alias: 'candidate', version: '1' })
    await call('DELETE', 'registered-models/alias', { name: model, alias: 'candidate' })
    const told = await receiver.until(6)
    await settled(id, 'delivered')
    const version = { name: model, version: '1' }
    assert.deepEqual(
      byKind(bodies(told).map(({ entity, action, data }) => ({ entity, action, data }))),
      byKind([
        { entity: 'registered_model', action: 'created', data: { name: model, tags: { a: 'b' }, description: 'd' } },
        {
          entity: 'model_version',
          action: 'created',
          data: { ...version, source: 's3://bucket/model', run_id: 'r1', tags: { a: 'b' }, description: null },
        },
        { entity: 'model_version_tag', action: 'set', data: { ...version, key: 'k', value: 'v' } },
        { entity: 'model_version_tag', action: 'deleted', data: { ...version, key: 'k' } },
        { entity: 'model_version_alias', action: 'created', data: { ...version, alias: 'candidate' } },
        { entity: 'model_version_alias', action: 'deleted', data: { name: model, alias: 'candidate' } },
      ]),
    )
    for (const one of told) assert.equal(one.headers['x-mlflow-signature'], signatureOf(one, SECRET))
    assert.equal(new Set(told.map((one) => one.headers['x-mlflow-delivery-id'])).size, 6)
  })

  test('changes of a prompt are told as such, without the tags that make it one', async () => {
    const kinds = ['PROMPT', 'PROMPT_VERSION', 'REGISTERED_MODEL', 'MODEL_VERSION']
    await newHook({ events: kinds.map((entity) => ({ entity, action: 'CREATED' })) })
    const prompt = name()
    const mark = { key: 'mlflow.prompt.is_prompt', value: 'true' }
    await call('POST', 'registered-models/create', { name: prompt, tags: [mark] })
    const text = { key: 'mlflow.prompt.text', value: 'Hello {{name}}' }
    await call('POST', 'model-versions/create', { name: prompt, source: 'prompt-template', tags: [mark, text] })
    assert.deepEqual(
      byKind(bodies(await receiver.until(2)).map(({ entity, data }) => ({ entity, data }))),
      byKind([
        { entity: 'prompt', data: { name: prompt, tags: {}, description: null } },
        {
          entity: 'prompt_version',
          data: { name: prompt, version: '1', template: 'Hello {{name}}', tags: {}, description: null },
        },
      ]),
    )
  })

  test('a receiver that is down for a while is told later, under the same id, and the log has each attempt', async () => {
    receiver.statuses = [500, 429]
    const id = await newHook()
    await newModel()
    const told = await receiver.until(3)
    await settled(id, 'delivered')
    assert.equal(new Set(told.map((one) => one.headers['x-mlflow-delivery-id'])).size, 1)
    assert.equal(new Set(told.map((one) => one.body)).size, 1)
    const [delivery] = await deliveries(id)
    assert.equal(delivery?.attempts, 3)
    const whole = await server.client.call(webhooksApi.getWebhookDelivery, {
      params: { id, delivery: delivery.id },
    })
    assert.deepEqual(
      whole.log.map((attempt) => [attempt.number, attempt.status, attempt.reply]),
      [
        [1, 500, 'heard'],
        [2, 429, 'heard'],
        [3, 200, 'heard'],
      ],
    )
    assert.equal(whole.body, told[0]?.body)
  })

  test('a refused message is given up at once and can be sent again by hand', async () => {
    receiver.statuses = [401]
    const id = await newHook()
    await newModel()
    await receiver.until(1)
    await until('the end of the delivery', async () => (await deliveries(id))[0]?.state === 'dead')
    const [dead] = (
      await server.client.call(webhooksApi.listWebhookDeliveries, { params: { id }, query: { state: 'dead' } })
    ).items
    assert.equal(dead?.last_status, 401)
    await server.client.call(webhooksApi.retryWebhookDelivery, { params: { id, delivery: dead.id } })
    const told = await receiver.until(2)
    assert.equal(told[1]?.headers['x-mlflow-delivery-id'], dead.id)
    await settled(id, 'delivered')
  })

  test('a change that is rolled back is told to nobody', async () => {
    await newHook()
    const model = await newModel()
    await receiver.until(1)
    assert.equal((await call('POST', 'registered-models/create', { name: model })).status, 400)
    const next = await newModel()
    const names = bodies(await receiver.until(2)).map(({ data }) => (data as { name: string }).name)
    assert.deepEqual(names.sort(), [model, next].sort())
  })

  test('a disabled webhook is told nothing; the secret and key never come out', async () => {
    const id = await newHook({ secret: SECRET })
    const off = await call('PATCH', `webhooks/${id}`, { status: 'DISABLED', description: 'off' })
    assert.equal((off.json['webhook'] as { status: string }).status, 'DISABLED')
    await newModel()
    assert.deepEqual(await deliveries(id), [])
    const shown = JSON.stringify([off.json, (await call('GET', 'webhooks')).json])
    assert.ok(!shown.includes(SECRET) && !shown.includes('"secret"'), shown)
    for (const file of ['slipway.db', 'slipway.db-wal']) {
      assert.ok(!readFileSync(join(server.data, file)).includes(SECRET), `${file} holds the secret`)
    }
  })

  test('a test call tells how the receiver answered', async () => {
    const id = await newHook({ secret: SECRET })
    const good = await call('POST', `webhooks/${id}/test`, {})
    assert.deepEqual(good.json, { result: { success: true, response_status: 200, response_body: 'heard' } })
    assert.equal(receiver.told[0]?.headers['x-mlflow-signature'], signatureOf(receiver.told[0] as Told, SECRET))
    receiver.statuses = [404]
    const bad = await call('POST', `webhooks/${id}/test`, { event: { entity: 'PROMPT_ALIAS', action: 'DELETED' } })
    assert.deepEqual(bad.json, { result: { success: false, response_status: 404, response_body: 'heard' } })
    assert.deepEqual(bodies(receiver.told)[1]?.['data'], { name: 'example_prompt', alias: 'example_alias' })
  })

  const REFUSED: readonly [string, object, RegExp][] = [
    ['no name', { name: '' }, /Missing value for required parameter 'name'/],
    ['a name that ends in a hyphen', { name: 'a-' }, /Webhook name 'a-' is invalid/],
    ['a name of 64 characters', { name: 'a'.repeat(64) }, /is invalid/],
    ['a blank address', { url: '   ' }, /cannot be empty or just whitespace/],
    ['another scheme', { url: 'ftp://example.com' }, /Invalid webhook URL scheme/],
    ['plain http to others', { url: 'http://example.com/' }, /Invalid webhook URL scheme/],
    ['no address', { url: 'https://[bad' }, /Invalid webhook URL/],
    ['a password in the address', { url: 'https://me:pw@example.com/' }, /user name or password/],
    ['a private address', { url: 'https://10.0.0.1/' }, /private address/],
    ['the cloud’s metadata', { url: 'https://169.254.169.254/latest' }, /private address/],
    ['a private address in another notation', { url: 'https://0x0a000001/' }, /private address/],
    ['localhost', { url: 'https://localhost/' }, /private address/],
    ['IPv6 loopback', { url: 'https://[::1]/' }, /private address/],
    ['no events', { events: [] }, /non-empty list/],
    ['an unknown entity', { events: [{ entity: 'RUN', action: 'CREATED' }] }, /Invalid value "RUN"/],
    ['an action that the entity has not', { events: [{ entity: 'PROMPT', action: 'SET' }] }, /Invalid action 'SET'/],
    ['a status that is none', { status: 'PAUSED' }, /Invalid value "PAUSED" for parameter 'status'/],
    ['a secret that is too long', { secret: 'x'.repeat(1001) }, /secret exceeds/],
  ]
  for (const [what, wrong, text] of REFUSED) {
    test(`refuses ${what}`, async () => {
      const good = { name: 'hook', url: 'https://example.com/', events: CREATED }
      const refused = await call('POST', 'webhooks', { ...good, ...wrong })
      assert.equal(refused.status, 400, JSON.stringify(refused.json))
      assert.equal(refused.json['error_code'], 'INVALID_PARAMETER_VALUE')
      assert.match(String(refused.json['message']), text)
    })
  }

  test('pages of webhooks do not overlap; a token of something else is refused', async () => {
    for (let i = 0; i < 5; i++) await newHook({ name: `hook${i}` })
    const seen: string[] = []
    let token = ''
    do {
      const { json } = await call('GET', `webhooks?max_results=2&page_token=${token}`)
      seen.push(...(json['webhooks'] as { name: string }[]).map((one) => one.name))
      token = (json['next_page_token'] as string | undefined) ?? ''
    } while (token !== '')
    assert.deepEqual(seen, ['hook4', 'hook3', 'hook2', 'hook1', 'hook0'])
    const bad = await call('GET', `webhooks?page_token=${Buffer.from('{"q":"x","k":[1]}').toString('base64url')}`)
    assert.equal(bad.status, 400)
    assert.equal((await call('GET', 'webhooks?max_results=0')).status, 400)
    assert.equal((await call('GET', 'webhooks/none')).json['error_code'], 'RESOURCE_DOES_NOT_EXIST')
  })

  test('a maintainer of a project has the webhooks of that project, and they hear of it alone', async () => {
    const make = async (role: string, project?: string): Promise<string> => {
      const reply = await fetch(`${server.url}/v1/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: `${role}${++serial}`, role, ...(project !== undefined && { project }) }),
      })
      assert.equal(reply.status, 200)
      return ((await reply.json()) as { token: string }).token
    }
    const [theirs, contributor] = [await make('maintainer', 'other'), await make('contributor')]
    const asOther = caller(
      () => server,
      () => theirs,
    )
    const asContributor = caller(
      () => server,
      () => contributor,
    )
    assert.equal((await asContributor('GET', 'webhooks')).status, 403)
    const all = await newHook()
    const own = await asOther('POST', 'webhooks', { name: 'own', url: receiver.url, events: CREATED })
    assert.equal(own.status, 200)
    assert.equal((await asOther('GET', `webhooks/${all}`)).status, 404)
    await newModel()
    await receiver.until(1)
    const model = name()
    assert.equal((await asOther('POST', 'registered-models/create', { name: model })).status, 200)
    await receiver.until(3)
    const { webhook_id } = own.json['webhook'] as { webhook_id: string }
    assert.equal((await deliveries(webhook_id)).length, 1)
    assert.equal((await deliveries(all)).length, 2)
    await asOther('DELETE', `webhooks/${webhook_id}`)
  })
})

describe('webhooks and crashes', () => {
  for (const [point, times] of [
    ['webhooks.committed', 1],
    ['webhooks.sent', 2],
  ] as const) {
    test(`a kill at ${point} loses nothing: the message comes, always under the same id`, async () => {
      const data = mkdtempSync(join(tmpdir(), 'slipway-webhooks-'))
      const receiver = new Receiver()
      await receiver.start()
      try {
        const dies = await startTestServer({ data, env: { ...ENV, SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: point } })
        const call = caller(
          () => dies,
          () => dies.token,
        )
        await call('POST', 'webhooks', { name: 'hook', url: receiver.url, events: CREATED })
        await call('POST', 'registered-models/create', { name: 'm' }).catch(() => undefined)
        await dies.ended()
        const told = receiver.told.length
        const lives = await startTestServer({ data, env: ENV })
        try {
          await receiver.until(times)
          assert.equal(told, times - 1)
          assert.equal(new Set(receiver.told.map((one) => one.headers['x-mlflow-delivery-id'])).size, 1)
          assert.equal(new Set(receiver.told.map((one) => one.body)).size, 1)
        } finally {
          await lives.stop()
        }
      } finally {
        receiver.stop()
        rmSync(data, { recursive: true, force: true })
      }
    })
  }
})
