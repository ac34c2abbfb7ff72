/** Calls with a key, on SQLite and on a real PostgreSQL: one commits, the rest are told what it was answered. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { emptyPostgres, emptySqlite } from '../../test/databases.ts'
import type { Db } from './db.ts'
import { KEPT_MS, keptReplies } from './kept-replies.ts'
import type { KeptReplies, KeyedCall } from './kept-replies.ts'
import { migrate } from './migrate.ts'

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
      await migrate(opened.db)
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

    it('a holder that was believed dead cannot commit after a repetition took over', async () => {
      const gate = Promise.withResolvers<void>()
      const slow = one.once(call('h'), async () => {
        await gate.promise
        return makes(one, 'h', 'slow')().catch((error: unknown) => reply(409, (error as Error).message))
      })
      const held = "SELECT key FROM kept_replies WHERE key = 'h'"
      while ((await opened.db.get(held)) === undefined) await new Promise(setImmediate)
      await assert.rejects(two.once(call('h'), makes(two, 'h', 'early')), /under way/)
      now += 61_000
      await two.once(call('h'), makes(two, 'h', 'quick'))
      gate.resolve()
      assert.match((await slow).reply.body, /taken over/)
      assert.deepEqual(await made('h'), ['quick'])
      assert.equal((await one.once(call('h'), makes(one, 'h', 'third'))).reply.body, 'quick')
    })

    it('after a restart a call that left nothing goes on at once, one that wrote is not carried out again', async () => {
      const never = new Promise<never>(() => undefined)
      void one.once(call('i'), () => never)
      void one.once(call('j'), async () => {
        await makes(one, 'j', 'before')()
        return never
      })
      while ((await made('j')).length === 0) await new Promise(setImmediate)
      await assert.rejects(two.once(call('i'), makes(two, 'i', 'x')), { code: 'conflict' })
      await two.recover()
      await two.once(call('i'), makes(two, 'i', 'after'))
      await assert.rejects(two.once(call('j'), makes(two, 'j', 'after')), /was carried out/)
      assert.deepEqual([await made('i'), await made('j')], [['after'], ['before']])
    })
  })
}

cases('SQLite', emptySqlite)

cases('PostgreSQL', emptyPostgres)
