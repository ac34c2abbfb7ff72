/** Wrong tokens and login links, many from one address: slowed down, told in figures and audit, and nobody with a right one is kept out. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { authApi } from '../../src/contract/auth.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer({ gateways: 1 })
})
after(() => server.stop())

const WRONG = `Bearer slw_nobody.${'x'.repeat(32)}`

async function answer(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const reply = await fetch(url, { headers, redirect: 'manual' })
  await reply.arrayBuffer()
  return reply
}

/** The statuses of many calls, and the last reply. */
async function many(url: string, headers: () => Record<string, string>): Promise<{ codes: number[]; last: Response }> {
  const codes: number[] = []
  let last = await answer(url, headers())
  for (let i = 0; i < 40; i++) {
    codes.push(last.status)
    last = await answer(url, headers())
  }
  return { codes, last }
}

async function figure(url: string, name: string): Promise<number> {
  const reply = await fetch(url, { headers: { authorization: `Bearer ${server.token}` } })
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await reply.text())?.[1])
}

for (const [name, url, metrics] of [
  ['control', () => `${server.url}/v1/me`, () => `${server.url}/metrics`],
  ['the gateway', () => `${server.gatewayUrl}/metrics`, () => `${server.gatewayUrl}/metrics`],
] as const)
  test(`${name}: wrong tokens are 401, then 429 with a time; the right one is answered from the same address`, async () => {
    let count = 0
    const basic = (text: string): string => `Basic ${Buffer.from(`u:${text}`).toString('base64')}`
    const { codes, last } = await many(url(), () => ({
      authorization: count++ % 2 === 0 ? WRONG : basic(`no${count}`),
    }))
    assert.equal(codes[0], 401)
    assert.equal(codes.at(-1), 429)
    assert.deepEqual(
      codes.toSorted((one, other) => one - other),
      codes,
    )
    assert.ok(Number(last.headers.get('retry-after')) >= 1)
    assert.equal((await answer(url(), { authorization: `Bearer ${server.token}` })).status, 200)
    assert.equal(await figure(metrics(), 'slipway_wrong_credentials_total'), 41)
    assert.ok((await figure(metrics(), 'slipway_throttled_credentials_total')) >= 15)
  })

test('login links that lead nowhere are slowed down, one that is right logs in', async () => {
  const { codes } = await many(`${server.url}/login/${'y'.repeat(32)}`, () => ({}))
  assert.equal(codes.at(-1), 429)
  const { url } = await server.client.call(authApi.createLoginLink, {})
  assert.equal((await answer(url)).status, 303)
  assert.equal((await answer(url)).status, 429, 'it works once')
})

test('links to artifacts are slowed down likewise', async () => {
  const { codes } = await many(`${server.url}/api/2.0/mlflow-artifacts/links/${'z'.repeat(40)}/f`, () => ({}))
  assert.equal(codes.at(-1), 429)
})

test('the audit trail names the address, once', async () => {
  const { items } = await server.client.call(authApi.listAudit, { query: { resource: 'tokens' } })
  const told = items.filter(({ detail }) => (detail as { action?: string }).action === 'throttle')
  assert.deepEqual(
    told.map(({ actor, resource_id }) => [actor, resource_id]),
    [['nobody', '127.0.0.1']],
  )
  const { ok } = await server.client.call(authApi.verifyAudit, {})
  assert.equal(ok, true)
})

test('a call without a credential counts for nobody', async () => {
  const before = await figure(`${server.url}/metrics`, 'slipway_wrong_credentials_total')
  for (let i = 0; i < 5; i++) assert.equal((await answer(`${server.url}/v1/me`)).status, 401)
  assert.equal(await figure(`${server.url}/metrics`, 'slipway_wrong_credentials_total'), before)
})
