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

/** Wrong ones that are answered at once, and after how many ms one more is. */
const [AT_ONCE, EACH_MS] = [20, 3000]

/** Replies to many calls, of which the last was slowed down: on a slow machine time for one more may come between any two. */
async function many(url: string, headers: () => Record<string, string>): Promise<{ replies: Response[]; ms: number }> {
  const replies: Response[] = []
  const began = performance.now()
  while (replies.length < 41 || (replies.length < 200 && replies.at(-1)?.status !== 429))
    replies.push(await answer(url, headers()))
  assert.equal(replies.at(-1)?.status, 429)
  return { replies, ms: performance.now() - began }
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
    const { replies, ms } = await many(url(), () => ({
      authorization: count++ % 2 === 0 ? WRONG : basic(`no${count}`),
    }))
    const codes = replies.map(({ status }) => status)
    assert.deepEqual(codes.slice(0, AT_ONCE), Array(AT_ONCE).fill(401))
    assert.ok(
      codes.every((code) => code === 401 || code === 429),
      codes.join(),
    )
    const later = codes.slice(AT_ONCE).filter((code) => code === 401).length
    assert.ok(later <= ms / EACH_MS, `${later} more within ${Math.round(ms)} ms`)
    assert.ok(Number(replies.at(-1)?.headers.get('retry-after')) >= 1)
    assert.equal((await answer(url(), { authorization: `Bearer ${server.token}` })).status, 200)
    assert.equal(await figure(metrics(), 'slipway_wrong_credentials_total'), replies.length)
    const slowed = codes.filter((code) => code === 429).length
    assert.equal(await figure(metrics(), 'slipway_throttled_credentials_total'), slowed)
  })

test('login links that lead nowhere are slowed down, one that is right logs in', async () => {
  await many(`${server.url}/login/${'y'.repeat(32)}`, () => ({}))
  const { url } = await server.client.call(authApi.createLoginLink, {})
  assert.equal((await answer(url)).status, 303)
  // slowed down like any that leads nowhere, unless the time for one more has come just now
  assert.ok([401, 429].includes((await answer(url)).status), 'it works once')
})

test('links to artifacts are slowed down likewise', async () => {
  await many(`${server.url}/api/2.0/mlflow-artifacts/links/${'z'.repeat(40)}/f`, () => ({}))
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
