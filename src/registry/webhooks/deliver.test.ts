/** Deliveries on SQLite to a real receiver: pauses, giving up, what the receiver asks for, signatures, and secrets that were tampered with. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileSeal } from '../../auth/sealing.ts'
import { egress } from '../../http/egress.ts'
import type { Job } from '../../jobs/queue.ts'
import type { Handler, JobContext, Worker } from '../../jobs/worker.ts'
import { person, root } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { openRegistry } from '../opened.fixture.ts'
import type { Opened } from '../opened.fixture.ts'
import { createModel } from '../versions/models.ts'
import type { Principal } from '../../contract/access.ts'
import { announceBudget } from './announce.ts'
import { handleDeliveries, MOST_ATTEMPTS, testWebhook } from './deliver.ts'
import { sealAddresses } from './address.ts'
import { createWebhook, getWebhook, updateWebhook } from './hooks.ts'
import type { DeliveryRow, Webhooks } from './room.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-webhooks-'))
const HOUR = 3_600_000
let opened: Opened
let bench: Bench
let room: Webhooks
let handler: Handler
let random = 0
/** How the receiver answers next, and what it was sent. */
let answer: { status: number; headers?: Record<string, string>; body?: string } = { status: 200 }
let received: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
const receiver = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    received.push({ path: request.url ?? '', headers: request.headers, body })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
})

before(async () => {
  opened = await openRegistry()
  bench = opened.bench
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done))
  const { db, clock, ids, audit } = bench.room
  const rules = () => ({ allow: ['127.0.0.1'], schemes: ['https'], anyAddress: false })
  const seal = fileSeal(join(folder, 'key'))
  room = { db, clock, ids, audit, seal, rules, random: () => random, send: egress({ allow: ['127.0.0.1'] }) }
  handleDeliveries(room, { register: (_kind: string, given: Handler) => (handler = given) } as unknown as Worker)
})
beforeEach(() => {
  answer = { status: 200 }
  received = []
  random = 0
})
after(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await opened.close()
  rmSync(folder, { recursive: true, force: true })
})

let made = 0

/** A webhook for new models, and the delivery that one new model leaves. */
async function delivery(secret?: string): Promise<{ hook: string; id: string }> {
  const name = `hook-${made++}`
  const { port } = receiver.address() as AddressInfo
  const events = [{ entity: 'REGISTERED_MODEL', action: 'CREATED' } as const]
  const url = `http://127.0.0.1:${port}/`
  const more = { description: undefined, status: undefined, secret }
  const { webhook_id } = await createWebhook(room, person('admin', name), { name, url, events, ...more })
  await createModel(bench.room, person('admin', name), { name, description: undefined, tags: [] })
  const rows = await room.db.all<{ id: string }>('SELECT id FROM webhook_deliveries WHERE webhook = ?', [webhook_id])
  assert.equal(rows.length, 1)
  return { hook: webhook_id, id: rows[0]?.id ?? '' }
}

/** Works the delivery once; returns when it is to be worked again, or undefined. */
async function work(id: string): Promise<number | undefined> {
  let next: number | undefined
  const context: Pick<JobContext, 'finish' | 'again'> = {
    finish: (inner) => room.db.tx(inner),
    again: async (at, inner) => {
      next = at
      if (inner !== undefined) await room.db.tx(inner)
    },
  }
  await handler({ payload: { delivery: id } } as unknown as Job, context as JobContext)
  return next
}

async function rowOf(id: string): Promise<DeliveryRow> {
  const row = await room.db.get<DeliveryRow>('SELECT * FROM webhook_deliveries WHERE id = ?', [id])
  assert.ok(row)
  return row
}

async function attemptsOf(
  id: string,
): Promise<{ number: number; status: number | null; error: string | null; reply: string | null }[]> {
  return room.db.all('SELECT number, status, error, reply FROM webhook_attempts WHERE delivery = ? ORDER BY number', [
    id,
  ])
}

test('what is taken is delivered once, under its id, and its answer is kept', async () => {
  const { id } = await delivery()
  answer = { status: 204 }
  assert.equal(await work(id), undefined)
  const row = await rowOf(id)
  assert.deepEqual([row.state, row.attempts, row.next_at, row.ended_at], ['delivered', 1, null, room.clock()])
  assert.deepEqual(await attemptsOf(id), [{ number: 1, status: 204, error: null, reply: '' }])
  assert.equal(received[0]?.headers['x-mlflow-delivery-id'], id)
  assert.equal(received[0].headers['x-mlflow-signature'], undefined, 'without a secret there is no signature')
  assert.equal(received[0].body, row.body)
  await work(id)
  assert.equal(received.length, 1, 'what has ended is not sent again')
})

describe('answers', () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    test(`${status} is tried again`, async () => {
      const { id } = await delivery()
      answer = { status }
      assert.equal(await work(id), room.clock() + 500)
      const row = await rowOf(id)
      assert.deepEqual([row.state, row.attempts, row.next_at, row.ended_at], ['waiting', 1, room.clock() + 500, null])
    })
  }
  for (const status of [199 + 101, 301, 400, 401, 404, 410, 501]) {
    test(`${status} is not`, async () => {
      const { id } = await delivery()
      answer = { status, body: 'x\0'.repeat(3000) }
      assert.equal(await work(id), undefined)
      assert.equal((await rowOf(id)).state, 'dead')
      assert.deepEqual(await attemptsOf(id), [{ number: 1, status, error: null, reply: 'x'.repeat(2000) }])
    })
  }
})

test('pauses double to an hour, half of each is random, and the 33rd failure is the last', async () => {
  const { id } = await delivery()
  answer = { status: 500 }
  for (let number = 1; number < MOST_ATTEMPTS; number++) {
    random = number % 2 === 0 ? 0 : 0.5
    const full = Math.min(HOUR, 1000 * 2 ** (number - 1))
    const expected = Math.round(number % 2 === 0 ? full / 2 : full * 0.75)
    const next = await work(id)
    assert.equal(next, room.clock() + expected, `after attempt ${number}`)
    bench.wait(expected)
  }
  assert.equal(await work(id), undefined)
  const row = await rowOf(id)
  assert.deepEqual([row.state, row.attempts, MOST_ATTEMPTS], ['dead', 33, 33])
  assert.deepEqual(
    (await attemptsOf(id)).map((one) => one.number),
    Array.from({ length: 33 }, (_, i) => i + 1),
  )
})

describe('a receiver that asks to be left alone', () => {
  const date = (ms: number): string => new Date(Math.ceil((room.clock() + ms) / 1000) * 1000).toUTCString()
  const CASES: readonly (readonly [string, () => string, number | (() => number)])[] = [
    ['seconds', () => '120', 120_000],
    ['less than the pause', () => '0', 500],
    ['longer than the longest pause', () => '7200', HOUR],
    ['a date', () => date(60_000), () => Date.parse(date(60_000)) - room.clock()],
    ['a date that is over', () => date(-60_000), 500],
    ['no time at all', () => 'soon', 500],
    ['more digits than a time has', () => '9'.repeat(12), 500],
  ]
  for (const [what, header, expected] of CASES) {
    test(what, async () => {
      const { id } = await delivery()
      answer = { status: 503, headers: { 'retry-after': header() } }
      assert.equal(await work(id), room.clock() + (typeof expected === 'number' ? expected : expected()))
    })
  }
})

test('with a secret the id, the seconds and the body are signed', async () => {
  const { id } = await delivery('my secret')
  await work(id)
  const [sent] = received
  assert.ok(sent)
  const seconds = String(sent.headers['x-mlflow-timestamp'])
  assert.equal(seconds, String(Math.floor(room.clock() / 1000)))
  const mac = createHmac('sha256', 'my secret').update(`${id}.${seconds}.${sent.body}`).digest('base64')
  assert.equal(sent.headers['x-mlflow-signature'], `v1,${mac}`)
})

test('a secret that was changed in the database, or copied from another webhook, sends nothing', async () => {
  const tampered = async (change: (sealed: string) => string): Promise<void> => {
    const { hook, id } = await delivery('my secret')
    const row = await room.db.get<{ secret: string }>('SELECT secret FROM webhooks WHERE id = ?', [hook])
    assert.ok(row !== undefined && !row.secret.includes('my secret'))
    await room.db.tx((t) => t.run('UPDATE webhooks SET secret = ? WHERE id = ?', [change(row.secret), hook]))
    assert.equal(await work(id), undefined)
    assert.equal((await rowOf(id)).state, 'dead')
    assert.match((await attemptsOf(id))[0]?.error ?? '', /was sealed with another key/)
  }
  const other = await room.db.get<{ secret: string }>('SELECT secret FROM webhooks WHERE secret IS NOT NULL')
  assert.ok(other)
  await tampered(() => other.secret)
  const flipped = (sealed: string, at: number): string => {
    const bytes = Buffer.from(sealed, 'base64url')
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    return bytes.toString('base64url')
  }
  for (const at of [0, 12, 27, 28, -1]) await tampered((sealed) => flipped(sealed, at))
  await tampered((sealed) => sealed.slice(0, 20))
  await tampered(() => '')
  assert.equal(received.length, 0)
})

test('an address lies sealed in the database, is shown whole to its owner, and is of use to no other webhook', async () => {
  const { hook, id } = await delivery('my secret')
  const kept = async (of: string) =>
    (await room.db.get<{ url: string }>('SELECT url FROM webhooks WHERE id = ?', [of]))?.url ?? ''
  const { url } = await getWebhook(room, root, hook)
  const secret = `${url}?token=T0PSECRET`
  const change = { name: undefined, events: undefined, description: undefined, secret: undefined, status: undefined }
  assert.equal((await updateWebhook(room, root, hook, { ...change, url: secret })).url, secret)
  const rows = JSON.stringify(await room.db.all('SELECT * FROM webhooks'))
  assert.ok(!rows.includes('T0PSECRET') && !rows.includes(url), rows)
  await work(id)
  assert.equal(received.at(-1)?.path, `${new URL(secret).pathname}?token=T0PSECRET`)
  const other = await delivery('my secret')
  const put = async (text: string, of: string) =>
    room.db.tx(async (t) => t.run('UPDATE webhooks SET url = ? WHERE id = ?', [text, of]))
  await put(await kept(hook), other.hook)
  assert.equal(await work(other.id), undefined)
  assert.match((await attemptsOf(other.id))[0]?.error ?? '', /was sealed with another key/)
  assert.equal((await getWebhook(room, root, other.hook)).url, 'sealed with another key; set it again')

  // as a server before has left it: sent as it is, and sealed at the next start
  await put(secret, other.hook)
  assert.equal((await getWebhook(room, root, other.hook)).url, secret)
  await sealAddresses(room.db, room.seal)
  assert.match(await kept(other.hook), /^sealed:/)
  assert.equal((await getWebhook(room, root, other.hook)).url, secret)
  const before = await kept(other.hook)
  await sealAddresses(room.db, room.seal)
  assert.equal(await kept(other.hook), before, 'once is enough')
})

test('a receiver that is gone is tried again; a webhook that is disabled or has a refused address is not', async () => {
  const gone = await delivery()
  const url = (text: string, hook: string) =>
    room.db.tx((t) => t.run('UPDATE webhooks SET url = ? WHERE id = ?', [text, hook]))
  await url('http://127.0.0.1:1/', gone.hook)
  assert.equal(await work(gone.id), room.clock() + 500)
  assert.equal((await attemptsOf(gone.id))[0]?.status, null)
  const refused = await delivery()
  await url('http://127.0.0.2:9/', refused.hook)
  assert.equal(await work(refused.id), undefined)
  assert.match((await attemptsOf(refused.id))[0]?.error ?? '', /127\.0\.0\.2 is private/)
  const disabled = await delivery()
  const none = { name: undefined, url: undefined, events: undefined, description: undefined, secret: undefined }
  await updateWebhook(room, root, disabled.hook, { ...none, status: 'DISABLED' })
  assert.equal(await work(disabled.id), undefined)
  const [attempt] = await attemptsOf(disabled.id)
  assert.deepEqual(attempt, {
    number: 1,
    status: null,
    error: 'the webhook was disabled before this was sent',
    reply: null,
  })
  assert.equal(received.length, 0)
})

test('what ended more than 30 days ago is cleared away, with its attempts, and nothing younger', async () => {
  const [old, waiting] = [await delivery(), await delivery()]
  await work(old.id)
  const ended = room.clock()
  bench.wait(30 * 24 * HOUR)
  const same = await delivery()
  await work(same.id)
  assert.equal((await rowOf(old.id)).ended_at, ended, 'at 30 days it is kept')
  bench.wait(1)
  const later = await delivery()
  await work(later.id)
  await assert.rejects(rowOf(old.id))
  assert.deepEqual(await attemptsOf(old.id), [])
  for (const { id } of [same, waiting, later]) await rowOf(id)
})

test('a budget is told to the webhooks that listen to its project, and to those of all', async () => {
  const { port } = receiver.address() as AddressInfo
  const more = { description: undefined, secret: undefined, url: `http://127.0.0.1:${port}/` }
  const events = [{ entity: 'BUDGET_POLICY', action: 'EXCEEDED' } as const]
  const hook = (who: Principal, name: string, given: object = {}) =>
    createWebhook(room, who, { name, events, status: undefined, ...more, ...given })
  const ids = new Map<string, string>()
  for (const [name, who, given] of [
    ['its-own', person('admin', 'spender'), {}],
    ['of-all', root, {}],
    ['of-another', person('admin', 'saver'), {}],
    ['disabled', person('admin', 'spender'), { status: 'DISABLED' }],
    ['of-models', root, { events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }] }],
  ] as const)
    ids.set((await hook(who, name, given)).webhook_id, name)
  await room.db.tx((t) => announceBudget(t, room, { project: 'spender', data: { budget_policy_id: 'b-1', part: 0.8 } }))
  const rows = await room.db.all<{ id: string; webhook: string }>(
    "SELECT id, webhook FROM webhook_deliveries WHERE entity = 'BUDGET_POLICY'",
  )
  assert.deepEqual(new Set(rows.map(({ webhook }) => ids.get(webhook))), new Set(['its-own', 'of-all']))
  for (const { id } of rows) await work(id)
  const [body] = received.map((one) => JSON.parse(one.body) as Record<string, unknown>)
  assert.deepEqual(
    [body?.['entity'], body?.['action'], body?.['data']],
    ['budget_policy', 'exceeded', { budget_policy_id: 'b-1', part: 0.8 }],
  )
})

test('a test call sends an example once and tells the answer', async () => {
  const { hook } = await delivery()
  answer = { status: 500, body: 'no' }
  assert.deepEqual(await testWebhook(room, root, hook, undefined), {
    success: false,
    response_status: 500,
    response_body: 'no',
  })
  const body = JSON.parse(received[0]?.body ?? '{}') as { entity: string; data: { name: string } }
  assert.deepEqual([body.entity, body.data.name], ['registered_model', 'example_model'])
  answer = { status: 200, body: 'ok' }
  const asked = { entity: 'MODEL_VERSION', action: 'CREATED' } as const
  assert.equal((await testWebhook(room, root, hook, asked)).success, true)
  await assert.rejects(testWebhook(room, person('admin', 'elsewhere'), hook, undefined), { code: 'not_found' })
})
