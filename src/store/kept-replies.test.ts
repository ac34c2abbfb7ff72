/** Calls with a key, on SQLite and on a real PostgreSQL: one commits, the rest are told what it was answered. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { migratedPostgres, migratedSqlite } from '../../test/databases.ts'
import { until } from '../../test/until.ts'
import type { Db } from './db.ts'
import { KEPT_MS, keptReplies } from './kept-replies.ts'
import type { KeptReplies, KeyedCall } from './kept-replies.ts'

const HOUR = 3_600_000

function cases(name: string, open: () => Promise<{ db: Db; close: () => Promise<void> }>): void {
  describe(`kept replies on ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let now = Date.parse('2026-01-01T00:00:00Z')
    let marks = 0
    /** Two replicas of one database. */
    let one: KeptReplies
    let two: KeptReplies
    before(async () => {
      opened = await open()
      await opened.db.tx((t) => t.run('CREATE TABLE made (key TEXT NOT NULL, maker TEXT NOT NULL)'))
      const deps = { db: opened.db, clock: () => now, mark: () => `mark ${++marks}` }
      one = keptReplies(deps)
      two = keptReplies(deps)
    })
    after(() => opened.close())

    const call = (key: string, change: Partial<KeyedCall> = {}): KeyedCall => ({
      caller: 'token-1',
      route: 'POST /v1/things',
      key,
      hash: 'h',
      told: null,
      ...change,
    })
    const reply = (
      status: number,
      body: string,
    ): { status: number; headers: Record<string, string>; body: string } => ({
      status,
      headers: { 'content-type': 'application/json' },
      body,
    })
    const makes = (from: KeptReplies, key: string, maker: string) => async () => {
      await from.db.tx((t) => t.run('INSERT INTO made (key, maker) VALUES (?, ?)', [key, maker]))
      return reply(201, maker)
    }
    const made = async (key: string): Promise<string[]> =>
      (await opened.db.all<{ maker: string }>('SELECT maker FROM made WHERE key = ?', [key])).map((row) => row.maker)

    it('the first reply is told again, by another replica too, until it expires and is removed', async () => {
      assert.deepEqual(await one.once(call('a'), makes(one, 'a', 'first')), {
        replayed: false,
        reply: reply(201, 'first'),
      })
      now += 23 * HOUR
      for (const replica of [one, two]) {
        assert.deepEqual(await replica.once(call('a'), makes(replica, 'a', 'again')), {
          replayed: true,
          reply: reply(201, 'first'),
        })
      }
      await one.once(call('a', { caller: 'token-2' }), makes(one, 'a', 'other caller'))
      await one.once(call('a', { route: 'POST /v1/others' }), makes(one, 'a', 'other route'))
      now += HOUR + 1
      await one.once(call('a'), makes(one, 'a', 'next day'))
      assert.deepEqual(await made('a'), ['first', 'other caller', 'other route', 'next day'])
      now += KEPT_MS + HOUR
      await two.once(call('b'), makes(two, 'b', 'later'))
      assert.deepEqual(await opened.db.all('SELECT key FROM kept_replies'), [{ key: 'b' }])
    })

    it('ten at once: one is carried out, the others are refused or told its reply', async () => {
      const ended = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => {
          const replica = i % 2 === 0 ? one : two
          return replica.once(call('many'), makes(replica, 'many', `maker ${i}`))
        }),
      )
      const makers = await made('many')
      assert.equal(makers.length, 1)
      for (const each of ended) {
        if (each.status === 'fulfilled') assert.equal(each.value.reply.body, makers[0])
        else assert.match(String(each.reason), /under way/)
      }
      assert.equal(ended.filter((each) => each.status === 'fulfilled' && !each.value.replayed).length, 1)
    })

    it('another request under the same key is refused; so is a repetition of one whose reply is a secret', async () => {
      await one.once(call('c'), makes(one, 'c', 'x'))
      await assert.rejects(one.once(call('c', { hash: 'other' }), makes(one, 'c', 'y')), { code: 'unprocessable' })
      const told = (body: string): string => `it made ${body.length} letters`
      await one.once(call('d', { told }), makes(one, 'd', 'the secret'))
      await assert.rejects(one.once(call('d', { told }), makes(one, 'd', 'y')), /was carried out: it made 10 letters$/)
      assert.deepEqual([await made('c'), await made('d')], [['x'], ['the secret']])
      const kept = await opened.db.all<{ body: string | null }>("SELECT body FROM kept_replies WHERE key = 'd'")
      assert.deepEqual(kept, [{ body: 'it made 10 letters' }])
    })

    it('a refusal that wrote nothing frees the key; one that left a record is told again', async () => {
      await one.once(call('e'), async () => reply(404, 'not there'))
      await one.once(call('e'), makes(one, 'e', 'there now'))
      assert.deepEqual(await made('e'), ['there now'])
      const recorded = async (): Promise<ReturnType<typeof reply>> => {
        await makes(one, 'f', 'verdict')()
        return reply(409, 'refused')
      }
      await one.once(call('f'), recorded)
      assert.deepEqual(await one.once(call('f'), recorded), { replayed: true, reply: reply(409, 'refused') })
      const rolledBack = async (): Promise<ReturnType<typeof reply>> => {
        await assert.rejects(
          one.db.tx(async (t) => {
            await t.run("INSERT INTO made (key, maker) VALUES ('g', 'half')")
            throw new Error('no')
          }),
        )
        return reply(409, 'no')
      }
      await one.once(call('g'), rolledBack)
      await one.once(call('g'), makes(one, 'g', 'whole'))
      assert.deepEqual(await made('g'), ['whole'])
    })

    const row = (key: string) =>
      opened.db.get<{ holder: string; held_until: number }>(
        'SELECT holder, held_until FROM kept_replies WHERE key = ?',
        [key],
      )
    /** Until the row of a key is there, which it gives. No call renews its key any more. */
    const taken = (t: TestContext, key: string) => {
      t.mock.timers.enable({ apis: ['setInterval'] })
      return until(`the key ${key} to be taken`, () => row(key))
    }

    it('a holder that was believed dead cannot commit after a repetition took over', async (t) => {
      const gate = Promise.withResolvers<void>()
      const slow = one.once(call('h'), async () => {
        await gate.promise
        return makes(one, 'h', 'slow')().catch((error: unknown) => reply(409, (error as Error).message))
      })
      await taken(t, 'h')
      await assert.rejects(two.once(call('h'), makes(two, 'h', 'early')), /under way/)
      now += 61_000
      await two.once(call('h'), makes(two, 'h', 'quick'))
      gate.resolve()
      assert.match((await slow).reply.body, /taken over/)
      assert.deepEqual(await made('h'), ['quick'])
      assert.equal((await one.once(call('h'), makes(one, 'h', 'third'))).reply.body, 'quick')
    })

    it('after a restart a call that left nothing goes on at once, one that wrote is not carried out again', async (t) => {
      const never = new Promise<never>(() => undefined)
      void one.once(call('i'), () => never)
      void one.once(call('j'), async () => {
        await makes(one, 'j', 'before')()
        return never
      })
      await taken(t, 'i')
      await until('a write of j', async () => (await made('j')).length > 0)
      await assert.rejects(two.once(call('i'), makes(two, 'i', 'x')), { code: 'conflict' })
      await two.recover()
      await two.once(call('i'), makes(two, 'i', 'after'))
      await assert.rejects(two.once(call('j'), makes(two, 'j', 'after')), /was carried out/)
      assert.deepEqual([await made('i'), await made('j')], [['after'], ['before']])
    })

    it('a reply is kept to the last millisecond of its day, and no longer', async () => {
      await one.once(call('k'), makes(one, 'k', 'first'))
      now += KEPT_MS
      assert.equal((await one.once(call('k'), makes(one, 'k', 'last ms'))).replayed, true)
      now += 1
      assert.equal((await one.once(call('k'), makes(one, 'k', 'next'))).replayed, false)
      assert.deepEqual(await made('k'), ['first', 'next'])
    })

    it('a key that is taken again after its day forgets all of the first call', async () => {
      await one.once(call('l', { hash: 'old' }), makes(one, 'l', 'old'))
      now += KEPT_MS + 1
      // not even its request has to be the same, and a refusal that writes nothing frees it again
      await one.once(call('l', { hash: 'new' }), async () => reply(404, 'no'))
      assert.deepEqual(await opened.db.all("SELECT key FROM kept_replies WHERE key = 'l'"), [])
      await one.once(call('l', { hash: 'newer' }), makes(one, 'l', 'newer'))
      assert.deepEqual(await made('l'), ['old', 'newer'])
    })

    it('a call is believed to be under way for a minute, to the millisecond', async (t) => {
      const never = new Promise<never>(() => undefined)
      void one.once(call('m'), () => never)
      assert.equal((await taken(t, 'm')).held_until, now + 60_000)
      now += 59_999
      await assert.rejects(two.once(call('m'), makes(two, 'm', 'early')), {
        code: 'conflict',
        message: /is under way/,
        data: { detail: 'the request with the Idempotency-Key "m" is under way', retry_after: 1 },
      })
      now += 1
      await two.once(call('m'), makes(two, 'm', 'in time'))
      assert.deepEqual(await made('m'), ['in time'])
    })

    it('who takes a dead call over holds the key for a minute of its own', async (t) => {
      const never = new Promise<never>(() => undefined)
      void one.once(call('n'), () => never)
      const first = await taken(t, 'n')
      now += 60_000
      const reached = Promise.withResolvers<void>()
      const gate = Promise.withResolvers<void>()
      const second = two.once(call('n'), async () => {
        reached.resolve()
        await gate.promise
        return reply(200, 'second')
      })
      await reached.promise
      const held = await row('n')
      assert.equal(held?.held_until, now + 60_000)
      assert.notEqual(held?.holder, first.holder)
      await assert.rejects(one.once(call('n'), makes(one, 'n', 'third')), /is under way/)
      gate.resolve()
      await second
      assert.equal((await one.once(call('n'), makes(one, 'n', 'fourth'))).reply.body, 'second')
    })

    it('the headers and the status are told again as they were', async () => {
      const first = { status: 302, headers: { location: '/a', 'x-é': '1' }, body: '' }
      await one.once(call('o'), async () => first)
      assert.deepEqual(await two.once(call('o'), async () => reply(200, 'no')), { replayed: true, reply: first })
    })

    it('of a call whose reply is a secret a refusal is told as it was, and a lost one says why', async () => {
      const told = (): string => 'hidden'
      const refused = async (): Promise<ReturnType<typeof reply>> => {
        await makes(one, 'p', 'record')()
        return reply(400, 'refused')
      }
      await one.once(call('p', { told }), refused)
      assert.deepEqual(await one.once(call('p', { told }), refused), { replayed: true, reply: reply(400, 'refused') })
      const never = new Promise<never>(() => undefined)
      for (const [key, secret] of [
        ['q', told],
        ['r', null],
      ] as const) {
        void one.once(call(key, { told: secret }), async () => {
          await makes(one, key, 'written')()
          return never
        })
        await until(`a write of ${key}`, async () => (await made(key)).length > 0)
        await one.recover()
        await assert.rejects(
          one.once(call(key, { told: secret }), () => never),
          secret === null ? /its reply was lost when the server stopped/ : /holds a secret, which is not kept/,
        )
      }
    })

    it('a key belongs to a caller and a route, when it is freed and renewed too', async () => {
      await one.once(call('s'), makes(one, 's', 'mine'))
      for (const other of [{ caller: 'token-9' }, { route: 'DELETE /v1/things' }, { key: 's2' }])
        await one.once(call('s', other), async () => reply(404, 'nothing'))
      assert.equal((await one.once(call('s'), makes(one, 's', 'again'))).replayed, true)
      assert.deepEqual(await opened.db.all("SELECT caller FROM kept_replies WHERE key IN ('s', 's2')"), [
        { caller: 'token-1' },
      ])
    })

    it('what a call leaves in the background after its reply is not of the call', async () => {
      const gate = Promise.withResolvers<void>()
      let background: Promise<unknown> = Promise.resolve()
      await one.once(call('t'), async () => {
        background = gate.promise.then(makes(one, 't', 'later'))
        return reply(404, 'nothing written')
      })
      gate.resolve()
      await background
      assert.deepEqual(await made('t'), ['later'])
      assert.equal((await one.once(call('t'), makes(one, 't', 'second'))).replayed, false)
    })

    it('the database of keyed calls reads and searches as any other', async () => {
      assert.equal(one.db.kind, opened.db.kind)
      assert.deepEqual(
        await one.db.all('SELECT maker FROM made WHERE key = ?', ['t']),
        await opened.db.all('SELECT maker FROM made WHERE key = ?', ['t']),
      )
      assert.deepEqual(await one.db.get('SELECT count(*) AS c FROM made WHERE key = ?', ['n']), { c: 0 })
      assert.deepEqual(await one.db.search({ text: 'SELECT maker FROM made WHERE key = ?', params: ['m'] }), [
        { maker: 'in time' },
      ])
    })

    it('expired keys are removed once a minute', async () => {
      const keys = async (): Promise<number> =>
        (await opened.db.get<{ c: number }>('SELECT count(*) AS c FROM kept_replies'))?.c ?? -1
      now += 2 * KEPT_MS
      await one.once(call('u'), makes(one, 'u', 'x'))
      assert.equal(await keys(), 1)
      const old =
        'INSERT INTO kept_replies (caller, route, key, hash, created_at, holder, held_until) VALUES (?, ?, ?, ?, ?, ?, ?)'
      await opened.db.tx((t) => t.run(old, ['c', 'r', 'expired', 'h', now - KEPT_MS - 120_000, 'x', 0]))
      now += 59_999
      await one.once(call('v'), makes(one, 'v', 'x'))
      assert.equal(await keys(), 3)
      now += 1
      await one.once(call('w'), makes(one, 'w', 'x'))
      assert.equal(await keys(), 3)
    })
  })
}

cases('SQLite', migratedSqlite)

cases('PostgreSQL', migratedPostgres)
