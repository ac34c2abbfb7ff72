/** Calls with an `Idempotency-Key` over HTTP, with the replies kept in a real database: done once, answered twice. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { pino } from 'pino'
import { z } from 'zod'
import { problem } from '../contract/errors.ts'
import { route } from '../contract/route.ts'
import { keptReplies } from '../store/kept-replies.ts'
import { openTemporaryStore } from '../store/open.ts'
import { mount } from './mount.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

const write = { access: { verb: 'write', resource: 'runs' }, summary: 'for tests' } as const
const make = route({
  ...write,
  method: 'POST',
  path: '/made/:kind',
  params: z.object({ kind: z.string() }),
  query: z.object({ size: z.string().default('s') }),
  body: z.object({ name: z.string() }),
  reply: z.object({ number: z.number() }),
})
const numbered = { ...write, body: z.object({}).loose(), reply: z.object({ number: z.number() }) }
const other = route({ ...numbered, method: 'POST', path: '/other' })
const put = route({ ...numbered, method: 'PUT', path: '/put' })
const refuse = route({ ...write, method: 'POST', path: '/refuse', body: z.object({}).loose(), reply: z.object({}) })
const slow = route({ ...numbered, method: 'POST', path: '/slow' })
const token = route({
  ...write,
  method: 'POST',
  path: '/token',
  body: z.object({}).loose(),
  secret: { made: 'token', field: 'row' },
  reply: z.object({ secret: z.string(), row: z.object({ id: z.string() }) }),
})

let store: Awaited<ReturnType<typeof openTemporaryStore>>
let server: RunningServer
let done = 0
let now = 1_800_000_000_000
let letGo = Promise.withResolvers<void>()
let entered = Promise.withResolvers<void>()

before(async () => {
  store = await openTemporaryStore()
  const kept = keptReplies({ db: store.db, clock: () => now, mark: randomUUID })
  /** A write of the room, and how many there were. */
  const count = (): Promise<number> =>
    kept.db.tx(async (t) => {
      await t.run("INSERT INTO cost_rates (resource, from_at, micro_dollars, note) VALUES ('cpu', ?, 1, 'test')", [
        ++done,
      ])
      return done
    })
  server = await startServer({
    host: '127.0.0.1',
    port: 0,
    logger: pino({ level: 'silent' }),
    authenticate: async ({ headers }) => {
      const name = headers.authorization ?? 'nobody'
      return { id: name, name, role: 'admin', project: null, token_id: `token of ${name}` }
    },
    once: (call, answer) => kept.once(call, answer),
    routes: [
      mount(make, async () => ({ number: await count() })),
      mount(other, async () => ({ number: await count() })),
      mount(put, async () => ({ number: await count() })),
      mount(refuse, async () => {
        done += 1
        throw problem('conflict', { detail: `refusal ${done}` })
      }),
      mount(slow, async () => {
        entered.resolve()
        await letGo.promise
        return { number: await count() }
      }),
      mount(token, async () => ({ secret: `secret ${await count()}`, row: { id: `row ${done}` } })),
    ],
  })
})
after(async () => {
  await server.stop()
  await store.close()
})

interface Sent {
  readonly key?: string
  readonly who?: string
  readonly method?: string
  readonly body?: string
}

async function send(path: string, { key, who = 'ann', method = 'POST', body = '{}' }: Sent) {
  const response = await fetch(server.url + path, {
    method,
    body,
    headers: {
      'content-type': 'application/json',
      authorization: who,
      ...(key !== undefined && { 'idempotency-key': key }),
    },
  })
  const reply = (await response.json()) as { number?: number; error?: { code: string; message: string } }
  return { status: response.status, replayed: response.headers.get('idempotency-replayed'), reply }
}

describe('a call with a key', () => {
  const name = '{"name":"a"}'

  test('is carried out once; its repetition gets the same reply, and says so', async () => {
    const first = await send('/made/x', { key: 'k1', body: name })
    const before = done
    const second = await send('/made/x', { key: 'k1', body: name })
    assert.deepEqual([first.status, first.replayed], [200, null])
    assert.deepEqual(second, { ...first, replayed: 'true' })
    assert.equal(done, before)
  })

  test('is the same when only the spelling of its JSON differs', async () => {
    const first = await send('/made/x', { key: 'k2', body: '{"name":"a"}' })
    const second = await send('/made/x', { key: 'k2', body: ' { "name" : "\\u0061" } ' })
    assert.deepEqual([second.replayed, second.reply], ['true', first.reply])
  })

  for (const [what, path, body] of [
    ['body', '/made/x', '{"name":"b"}'],
    ['path', '/made/y', name],
    ['query', '/made/x?size=l', name],
  ] as const) {
    test(`is refused when its ${what} differs from that of the first`, async () => {
      await send('/made/x', { key: `differs ${what}`.replace(' ', '-'), body: name })
      const before = done
      const again = await send(path, { key: `differs-${what}`, body })
      assert.deepEqual([again.status, again.reply.error?.code], [422, 'unprocessable'])
      assert.equal(done, before)
    })
  }

  test('of another caller, and of another route, is another call', async () => {
    const mine = await send('/made/x', { key: 'k4', body: name })
    const theirs = await send('/made/x', { key: 'k4', body: name, who: 'bob' })
    const elsewhere = await send('/other', { key: 'k4' })
    assert.deepEqual([theirs.replayed, elsewhere.replayed], [null, null])
    assert.equal(new Set([mine, theirs, elsewhere].map((one) => one.reply.number)).size, 3)
  })

  test('without a key each is carried out', async () => {
    const numbers = [await send('/made/x', { body: name }), await send('/made/x', { body: name })]
    assert.equal((numbers[1]?.reply.number ?? 0) - (numbers[0]?.reply.number ?? 0), 1)
  })

  test('by a method that may be repeated anyway is carried out again, whatever its key', async () => {
    const first = await send('/put', { key: 'k5', method: 'PUT' })
    const second = await send('/put', { key: 'k5', method: 'PUT' })
    assert.deepEqual([second.replayed, second.reply.number], [null, (first.reply.number ?? 0) + 1])
  })

  test('that was refused without a write frees its key', async () => {
    const first = await send('/refuse', { key: 'k6' })
    const second = await send('/refuse', { key: 'k6' })
    assert.deepEqual([first.status, second.status, second.replayed], [409, 409, null])
    assert.notEqual(first.reply.error?.message, second.reply.error?.message)
  })

  test('whose body is refused by its schema does not take its key', async () => {
    assert.equal((await send('/made/x', { key: 'k7', body: '{"name":7}' })).status, 400)
    assert.equal((await send('/made/x', { key: 'k7', body: name })).status, 200)
  })

  test('while the first is under way is refused, and answered when that has ended', async () => {
    letGo = Promise.withResolvers<void>()
    entered = Promise.withResolvers<void>()
    const first = send('/slow', { key: 'k8' })
    await entered.promise
    const meanwhile = await send('/slow', { key: 'k8' })
    assert.deepEqual([meanwhile.status, meanwhile.reply.error?.code], [409, 'conflict'])
    letGo.resolve()
    const answer = await first
    assert.deepEqual(await send('/slow', { key: 'k8' }), { ...answer, replayed: 'true' })
  })

  test('at the same moment ten times is carried out once', async () => {
    letGo = Promise.withResolvers<void>()
    letGo.resolve()
    const before = done
    const all = await Promise.all(Array.from({ length: 10 }, () => send('/slow', { key: 'k9' })))
    assert.equal(done, before + 1)
    assert.ok(all.every(({ status }) => status === 200 || status === 409))
    assert.equal(all.filter(({ status, replayed }) => status === 200 && replayed === null).length, 1)
  })

  test('is carried out again after a day', async () => {
    const first = await send('/made/x', { key: 'k10', body: name })
    now += 86_400_000 - 1
    assert.equal((await send('/made/x', { key: 'k10', body: name })).replayed, 'true')
    now += 2
    const later = await send('/made/x', { key: 'k10', body: name })
    assert.equal(later.replayed, null)
    assert.notEqual(later.reply.number, first.reply.number)
  })

  test('that made a secret is not told it twice: the repetition names what was made', async () => {
    const first = (await send('/token', { key: 'k11' })) as { reply: { secret?: string; row?: { id: string } } }
    const again = await send('/token', { key: 'k11' })
    assert.match(first.reply.secret ?? '', /^secret \d+$/)
    assert.ok(again.status >= 400)
    const said = JSON.stringify(again.reply)
    assert.ok(said.includes(`token ${first.reply.row?.id}`), said)
    assert.ok(!said.includes(first.reply.secret ?? '?'))
    const rows = await store.db.all<object>('SELECT * FROM kept_replies')
    assert.ok(!JSON.stringify(rows).includes(first.reply.secret ?? '?'), 'the secret is not stored')
  })

  const keys = ['a', '~!@#$%^&*()', 'k'.repeat(255)]
  for (const key of [...keys, 'k'.repeat(256), '', 'two words', 'ä']) {
    const good = keys.includes(key)
    test(`${JSON.stringify(key.slice(0, 12))} (${key.length} characters) is ${good ? 'a' : 'no'} key`, async () => {
      const { status, reply } = await send('/made/x', { key, body: name })
      assert.equal(status, good ? 200 : 400)
      if (!good) assert.match(reply.error?.message ?? '', /idempotency-key: got .*, expected 1 to 255 visible ASCII/)
    })
  }
})
