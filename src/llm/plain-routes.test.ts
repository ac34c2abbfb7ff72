/** Slipway's own routes of language models over HTTP: who may what, what is told once, what is refused by name, and when gateways are told. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { auditLog } from '../auth/audit.ts'
import { tokens } from '../auth/tokens.ts'
import type { Role } from '../contract/access.ts'
import { serveRoutes } from '../../test/routes.ts'
import type { ServedRoutes } from '../../test/routes.ts'
import { llmRoutes } from './routes.ts'

const KEY = 'sk-very-secret-0123'

type Body = Readonly<Record<string, unknown>>

describe('language models over HTTP', () => {
  let served: ServedRoutes
  let settled = 0
  before(async () => {
    served = await serveRoutes(['admin', 'maintainer', 'viewer', 'contributor', 'service'], (room) =>
      llmRoutes({
        ...room,
        seal: (text) => Buffer.from(text).toString('hex'),
        open: (text) => Buffer.from(text, 'hex').toString(),
        tokens: tokens({ ...room, audit: auditLog(Date.now) }),
        random: randomBytes,
        settled: () => Promise.resolve(void (settled += 1)),
      }),
    )
  })
  after(() => served.stop())

  async function call(method: string, path: string, sent?: object, role: Role = 'admin') {
    const reply = await fetch(`${served.server.url}/v1/llm/${path}`, {
      method,
      headers: { authorization: `Bearer ${served.tokenOf(role)}`, 'content-type': 'application/json' },
      ...(sent !== undefined && { body: JSON.stringify(sent) }),
    })
    return { status: reply.status, body: JSON.parse(await reply.text()) as Body }
  }
  const messageOf = (body: Body) => String((body['error'] as Body | undefined)?.['message'])
  const itemsOf = ({ body }: { body: Body }) => body['items'] as Body[]
  async function refused(work: ReturnType<typeof call>, status: number, message: RegExp) {
    const { status: got, body } = await work
    assert.equal(got, status, JSON.stringify(body))
    assert.match(messageOf(body), message)
    assert.ok(!JSON.stringify(body).includes(KEY))
  }

  it('a key is told once, listed without its secret, changed and revoked; gateways hear of each change', async () => {
    const before = settled
    const made = await call('POST', 'keys', { name: 'bot', rpm: 60 })
    const { id } = made.body['key'] as { id: string }
    const token = String(made.body['token'])
    assert.match(token, new RegExp(`^slw_${id}\\.`))
    const listed = await call('GET', 'keys', undefined, 'viewer')
    assert.deepEqual(itemsOf(listed), [made.body['key']])
    assert.ok(!JSON.stringify(listed.body).includes(token.split('.')[1] ?? ''))
    assert.equal(settled, before + 1)
    const changed = await call('PATCH', `keys/${id}`, { rpm: null, tags: ['a'] })
    assert.deepEqual([changed.body['rpm'], changed.body['tags']], [null, ['a']])
    assert.equal((await call('DELETE', `keys/${id}`)).status, 200)
    await refused(call('DELETE', `keys/${id}`), 404, /virtual key/)
    assert.equal(settled, before + 3)
  })

  it('a budget takes decimals exactly and says what is wrong with others', async () => {
    const made = await call('POST', 'budgets', { scope: 'project', window: 'day', limit: '12.000000001' })
    assert.deepEqual([made.status, made.body['limit']], [200, '12.000000001'])
    const path = `budgets/${String(made.body['id'])}`
    assert.equal((await call('PATCH', path, { limit: 0.1, hard: false })).body['limit'], '0.1')
    for (const limit of ['-1', 'NaN', '1e30', '0.0000000001', 'a lot', null])
      await refused(call('PATCH', path, { limit }), 400, /limit: got .* expected dollars: a decimal from 0/)
    await refused(call('POST', 'budgets', { scope: 'planet', window: 'day', limit: 1 }), 400, /scope/)
    await refused(
      call('POST', 'budgets', { scope: 'project', window: 'day', limit: 1, alert_at: [2] }),
      400,
      /alert_at/,
    )
    assert.equal(itemsOf(await call('GET', 'budgets', undefined, 'viewer')).length, 1)
    assert.equal((await call('DELETE', path)).status, 200)
  })

  it('providers and endpoints are made, listed with their state, and removed', async () => {
    const provider = await call('POST', 'providers', { name: 'cloud', provider: 'openai', api_key: KEY })
    assert.deepEqual([provider.status, provider.body['has_key'], provider.body['fault']], [200, true, null])
    const models = [{ provider: 'cloud', model: 'gpt-4o-mini' }]
    const endpoint = await call('POST', 'endpoints', { name: 'chat', models, attempts: 3, trace: false })
    assert.deepEqual([endpoint.body['attempts'], endpoint.body['experiment']], [3, null])
    assert.deepEqual(itemsOf(await call('GET', 'endpoints', undefined, 'viewer')), [endpoint.body])
    const [price] = itemsOf(await call('GET', 'prices', undefined, 'viewer'))
    assert.deepEqual([price?.['status'], (price?.['price'] as Body | undefined)?.['input']], ['known', '0.15'])
    const providers = await call('GET', 'providers', undefined, 'viewer')
    assert.ok(!JSON.stringify(providers.body).includes(KEY))
    await refused(call('DELETE', `providers/${String(provider.body['id'])}`), 409, /used by "chat"/)
    await refused(call('POST', 'providers', { name: 'cloud', provider: 'openai' }), 409, /already exists/)
    await refused(call('POST', 'providers', { name: 'y', provider: 'openai', base_url: 'x' }), 400, /base_url/)
    await refused(call('POST', 'endpoints', { name: 'y', models: [] }), 400, /models/)
    await refused(call('POST', 'endpoints', { name: 'y', models: [{ provider: 'z', model: 'm' }] }), 404, /models\[0\]/)
    assert.equal((await call('DELETE', `endpoints/${String(endpoint.body['id'])}`)).status, 200)
    assert.equal((await call('DELETE', `providers/${String(provider.body['id'])}`)).status, 200)
  })

  it('a price by the name of a provider is one of its vendor, and one of nobody is refused with who there is', async () => {
    const provider = await call('POST', 'providers', { name: 'home', provider: 'ollama' })
    await call('POST', 'endpoints', { name: 'own', models: [{ provider: 'home', model: 'llama3.1' }], trace: false })
    const price = { model: 'llama3.1', input: 0, output: 0, max_output: 4096 }
    const kept = await call('PUT', 'prices', { provider: 'home', ...price })
    assert.deepEqual([kept.status, kept.body['provider']], [200, 'ollama'])
    const own = async () => itemsOf(await call('GET', 'prices')).find(({ model }) => model === 'llama3.1')
    assert.deepEqual([(await own())?.['status'], (await own())?.['max_output']], ['known', 4096])
    await refused(call('PUT', 'prices', { provider: 'hmoe', ...price }), 400, /provider: got hmoe, expected .*: .*home/)
    const [endpoint] = itemsOf(await call('GET', 'endpoints')).filter(({ name }) => name === 'own')
    await call('DELETE', `endpoints/${String(endpoint?.['id'])}`)
    assert.equal((await call('DELETE', `providers/${String(provider.body['id'])}`)).status, 200)
  })

  it('an endpoint is changed in part: gateways hear of it, and what cannot be is refused at its field', async () => {
    await call('POST', 'providers', { name: 'own', provider: 'openai', api_key: KEY })
    const models = [{ provider: 'own', model: 'gpt-4o-mini' }]
    const regex = { kind: 'regex', name: 'words', action: 'flag', patterns: ['a+'] }
    const made = await call('POST', 'endpoints', { name: 'talk', models, routing: 'cost', guardrails: [regex] })
    assert.deepEqual([made.body['routing'], made.body['cache']], ['cost', null])
    assert.deepEqual(made.body['guardrails'], [{ ...regex, on: 'both' }])
    const path = `endpoints/${String(made.body['id'])}`
    const before = settled
    const changed = await call('PATCH', path, { cache: { ttl_s: 3600, share: 'key' }, attempts: 1 }, 'maintainer')
    assert.deepEqual(changed.body, { ...made.body, cache: { ttl_s: 3600, share: 'key' }, attempts: 1 })
    assert.equal(settled, before + 1)
    assert.deepEqual(itemsOf(await call('GET', 'endpoints', undefined, 'viewer')), [changed.body])
    const bad = (body: object, message: RegExp) => refused(call('PATCH', path, body), 400, message)
    await bad({ routing: 'fastest' }, /routing/)
    await bad({ cache: { ttl_s: 0 } }, /cache\.ttl_s/)
    await bad({ cache: { ttl_s: 5, for: 'all' } }, /cache/)
    await bad({ guardrails: [regex, { ...regex, name: 'b', patterns: ['['] }] }, /guardrails\[1\]\.patterns\[0\]/)
    await bad({ guardrails: [{ kind: 'length', name: 'l', action: 'redact', most: 5 }] }, /guardrails\S+action/)
    await bad({ guardrails: [{ kind: 'oracle', name: 'l', action: 'flag' }] }, /guardrails/)
    await bad({ models: [] }, /models/)
    await bad({ name: 'other' }, /name/)
    await refused(call('PATCH', path, { models: [{ provider: 'z', model: 'm' }] }), 404, /models\[0\]/)
    await refused(call('PATCH', 'endpoints/e-none', { routing: 'cost' }), 404, /ndpoint/)
    for (const role of ['contributor', 'viewer', 'service'] as const)
      await refused(call('PATCH', path, { routing: 'cost' }, role), 403, new RegExp(role))
    assert.equal((await call('DELETE', path)).status, 200)
  })

  it('a price is set, and a map is imported', async () => {
    const price = { provider: 'ollama', model: 'm', input: '0.1', output: 0.2, from: '2026-01-01T00:00:00Z' }
    const kept = await call('PUT', 'prices', price)
    assert.deepEqual([kept.body['input'], kept.body['output'], kept.body['source']], ['0.1', '0.2', 'operator'])
    await refused(call('PUT', 'prices', { ...price, input: '0.3' }), 409, /give a later time/)
    await refused(call('PUT', 'prices', { ...price, input: '0.0000001' }), 400, /input: .*dollars a million tokens/)
    const map = { m: { litellm_provider: 'x', input_cost_per_token: 1e-6 }, bad: {} }
    const done = await call('POST', 'prices/import', { prices: map })
    assert.deepEqual([done.body['added'], done.body['skipped_count']], [1, 1])
    assert.equal(itemsOf(await call('GET', 'prices/kept?provider=ollama&model=m', undefined, 'viewer')).length, 1)
  })

  it('what a project has is told to its people, and not to its programs', async () => {
    for (const path of ['keys', 'budgets', 'providers', 'endpoints', 'prices', 'prices/kept']) {
      assert.equal((await call('GET', path, undefined, 'viewer')).status, 200, path)
      await refused(call('GET', path, undefined, 'service'), 403, /service/)
    }
  })

  it('keys, budgets and prices are an admin’s to change, providers and endpoints a maintainer’s', async () => {
    const budget = { scope: 'project', window: 'day', limit: 1 }
    const price = { provider: 'x', model: 'y', input: 1, output: 1 }
    for (const role of ['maintainer', 'contributor', 'viewer', 'service'] as const) {
      await refused(call('POST', 'keys', { name: 'x' }, role), 403, new RegExp(role))
      await refused(call('PATCH', 'keys/x', {}, role), 403, new RegExp(role))
      await refused(call('DELETE', 'keys/x', undefined, role), 403, new RegExp(role))
      await refused(call('POST', 'budgets', budget, role), 403, new RegExp(role))
      await refused(call('DELETE', 'budgets/x', undefined, role), 403, new RegExp(role))
      await refused(call('PUT', 'prices', price, role), 403, new RegExp(role))
      await refused(call('POST', 'prices/import', { prices: {} }, role), 403, new RegExp(role))
    }
    for (const role of ['contributor', 'viewer', 'service'] as const) {
      await refused(call('POST', 'providers', { name: 'x', provider: 'openai' }, role), 403, new RegExp(role))
      await refused(call('DELETE', 'endpoints/x', undefined, role), 403, new RegExp(role))
    }
    assert.equal((await call('POST', 'providers', { name: 'm', provider: 'ollama' }, 'maintainer')).status, 200)
  })
})
