/** One budget of a dollar, 2,000 calls of unknown size at once over two gateways, one of which is killed: nothing is overspent, and what is left can be spent. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { writeTable } from '../gateway.fixture.ts'
import { PRICE, recordsOf, routeOf, tableOf, TOKEN } from './gateway.fixture.ts'
import { budgetOf } from './money/money.fixture.ts'
import type { LlmRoute } from '../table/llm.ts'

const LIMIT = 1_000_000_000
const CALLS = 2000
const MOST_OUTPUT = 1000
const INPUT = 20

/** A provider whose answers have from 1 to 1,000 tokens, in an order that looks like chance; it knows what each call costs. */
async function provider(t: TestContext): Promise<{ url: string; owed: () => number; calls: () => number }> {
  let calls = 0
  let owed = 0
  const server = createServer((asked, response) => {
    asked.resume().on('end', () => {
      const output = 1 + ((calls++ * 7919) % MOST_OUTPUT)
      owed += INPUT * 1000 + output * 2000
      const usage = { prompt_tokens: INPUT, completion_tokens: output, total_tokens: INPUT + output }
      const body = JSON.stringify({ id: 'x', object: 'chat.completion', choices: [], usage })
      // by the clock: each is under way while others come
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(body), 20 + (output % 50))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/v1`, owed: () => owed, calls: () => calls }
}

interface Running {
  readonly child: ChildProcess
  readonly port: number
}

async function gateway(t: TestContext, dataDir: string, index: number): Promise<Running> {
  const given = {
    dataDir,
    index,
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    allowHosts: [],
    version: '1.0.0',
    gateways: 2,
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts'), JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout }))
    return { child, port: (JSON.parse(line) as Running).port }
  throw new Error('it did not start')
}

const agent = new Agent({ keepAlive: true, maxSockets: 2000 })
const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'how long is a piece of string?' }] })

/** The status of one call; 0 where the gateway went away. */
function call(port: number): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  return new Promise((resolve) => {
    const sent = request(
      { host: '127.0.0.1', port, method: 'POST', path: '/v1/chat/completions', agent, headers },
      (reply) => {
        reply.resume().on('close', () => resolve(reply.complete ? (reply.statusCode ?? 0) : 0))
      },
    )
    sent.on('error', () => resolve(0)).end(BODY)
  })
}

test('nothing is overspent, the ledger is the usage, and what is left can be spent', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'slipway-race-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  t.after(() => agent.destroy())
  const upstream = await provider(t)
  const made = routeOf(
    { m: [{ model: 'x', url: upstream.url, max_output: MOST_OUTPUT }] },
    { budgets: [budgetOf('b', { limit: LIMIT })] },
  )
  const route: LlmRoute = { ...made, providers: made.providers.map((one) => ({ ...one, sealed: null })) }
  writeTable(dataDir, tableOf(route))
  const [first, second] = await Promise.all([gateway(t, dataDir, 0), gateway(t, dataDir, 1)])

  // each calls again as soon as it was answered, so that many are always under way
  let made200 = 0
  let sent = 0
  const client = async ({ port }: Running): Promise<void> => {
    while (sent < CALLS) {
      sent++
      const status = await call(port)
      if (status === 200) made200++
      if (status === 0) return
      assert.ok(status === 200 || status === 429, String(status))
      if (made200 === 150) second.child.kill('SIGKILL')
    }
  }
  await Promise.all(Array.from({ length: 400 }, (_, i) => client(i % 2 === 0 ? first : second)))
  assert.ok(upstream.owed() <= LIMIT, `${upstream.owed()} nanodollars are owed`)

  // the gateway that lives finds what the other had under way, and charges it
  const charged = (): number => recordsOf(dataDir).reduce((sum, { cost }) => sum + (cost ?? 0), 0)
  await until('the calls of the gateway that was killed', () =>
    recordsOf(dataDir).some(({ outcome }) => outcome === 'lost'),
  )
  const records = recordsOf(dataDir)
  const answered = records.filter(({ outcome }) => outcome === 'ok')
  for (const { usage, cost } of answered)
    assert.equal(cost, INPUT * 1000 + ((usage?.output ?? 0) * PRICE.output) / 1000)
  assert.equal(new Set(records.map(({ id }) => id)).size, records.length, 'each call is there once')

  // what is left is spent to the last call that fits, and no call that fits is refused
  const most = BODY.length * 1000 + MOST_OUTPUT * 2000
  while ((await call(first.port)) === 200) continue
  assert.ok(charged() <= LIMIT)
  assert.ok(charged() > LIMIT - most, `${LIMIT - charged()} nanodollars are left, and a call needs ${most} at most`)
  assert.ok(upstream.owed() <= charged(), 'what is owed stands in the ledger')
})
