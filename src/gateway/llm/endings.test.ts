/** Answers that break off, and a gateway that ends: what the client is told, what the record says, and what is paid. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { llmGateway, routeOf } from './gateway.fixture.ts'
import { fakeProvider } from './upstream.fixture.ts'

const messages = [{ role: 'user', content: 'hi' }]

/** A provider that answers each call with these bytes, and breaks off. */
async function brokenProvider(t: TestContext, answer: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(answer, () => socket.destroy()))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

test('a whole answer that breaks off half way is paid for as far as it came', async (t) => {
  const head = (status: string) => `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n`
  const half = '{"choices":'.padEnd(400, ' ')
  const url = await brokenProvider(t, head('200 OK') + half)
  const refused = await brokenProvider(t, head('400 Bad Request') + half)
  const bench = await llmGateway(t, routeOf({ m: [{ model: 'x', url }], n: [{ model: 'x', url: refused }] }))
  const body = { model: 'm', messages }
  assert.equal((await bench.post('/v1/chat/completions', body)).status, 502)
  const [record] = await bench.records(1)
  // input as its bytes say, at 1 000 nanodollars a token, and 400 bytes of output at 2 000
  const input = Math.ceil(JSON.stringify(body).length / 4)
  assert.deepEqual(
    [record?.outcome, record?.status, record?.cost_status, record?.cost],
    ['cut', 502, 'estimated', input * 1000 + 100 * 2000],
  )
  assert.match(record?.error ?? '', /provider m-0 failed/)
  assert.equal((await bench.post('/v1/chat/completions', { ...body, model: 'n' })).status, 502)
  const refusal = (await bench.records(2))[1]
  assert.deepEqual([refusal?.outcome, refusal?.cost], ['failed', 0], 'a refusal costs nothing, however it ends')
})

test('a stream that outlives the end of the gateway is told so, and recorded as cut', async (t) => {
  const provider = await fakeProvider(t)
  const endpoints = {
    gate: [{ model: 'gate', url: provider.url }],
    claude: [{ model: 'gate', kind: 'anthropic' as const, url: provider.url }],
    hang: [{ model: 'hang', url: provider.url }],
  }
  const bench = await llmGateway(t, routeOf(endpoints))
  const read = async (path: string, model: string): Promise<string> => {
    const response = await bench.post(path, { model, messages, stream: true, max_tokens: 9 })
    let text = ''
    await assert.rejects(async () => {
      for await (const part of response.body ?? []) text += Buffer.from(part).toString()
    }, 'nothing of it looks whole')
    return text
  }
  const texts = [read('/v1/chat/completions', 'gate'), read('/v1/messages', 'claude')]
  const waiting = bench.post('/v1/chat/completions', { model: 'hang', messages })
  await until('all are asked', () => provider.asked.length === 3)
  const stopped = bench.stop()
  const [chat = '', claude = ''] = await Promise.all(texts)
  assert.match(chat, /data: \{"error":\{"message":"the rest of this answer is not available: the gateway ended/)
  assert.match(claude, /event: error\ndata: \{"type":"error","error":\{[^\n]*the gateway ended/)
  assert.equal((await waiting).status, 503)
  await stopped
  const records = await bench.records(3)
  const ends = records.map(({ endpoint, ...end }) => [endpoint, [end.outcome, end.cost_status, end.status]] as const)
  assert.deepEqual(Object.fromEntries(ends), {
    claude: ['cut', 'estimated', 200],
    gate: ['cut', 'estimated', 200],
    hang: ['cut', 'estimated', 503],
  })
  assert.ok(records.every(({ error }) => error?.includes('the gateway ended')))
})

test('a tier above the list reserves and costs twice as much, as an estimate', async (t) => {
  const { url } = await fakeProvider(t)
  const budget = { id: 'b', project: 'p', scope: 'project', of: 'p', window: 'total', hard: true } as const
  const budgets = [{ ...budget, limit: 1_000_000_000, spent: 0, since: 0 }]
  const bench = await llmGateway(t, routeOf({ m: [{ model: 'x', url }] }, { budgets }))
  const body = { model: 'm', messages, max_tokens: 7, service_tier: 'priority' }
  assert.equal((await bench.post('/v1/chat/completions', body)).status, 200)
  const [record] = await bench.records(1)
  // a token a byte at 2 × 1 000 nanodollars, 7 of output at 2 × 2 000; and 19 500 is what the usage costs at the list
  assert.equal(record?.reserved, JSON.stringify(body).length * 2000 + 7 * 4000)
  assert.deepEqual([record?.cost_status, record?.cost], ['estimated', 39_000])
})
