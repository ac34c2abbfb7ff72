/** What every database driver must do; each driver's test file runs these cases on its own fresh database. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openedOnce } from '../../test/opened.ts'
import type { Db, Tx } from './db.ts'
import { isUniqueViolation } from './failures.ts'
import { all, fetchAll, sql as composed } from './sql/sql.ts'

/** A fresh database, and how to get rid of it. */
export interface Opened {
  readonly db: Db
  close(): Promise<void>
}

function insert(t: Tx, id: string, n = 0): Promise<number> {
  return t.run('INSERT INTO items (id, n) VALUES (?, ?)', [id, n])
}

function countChain(t: Tx): Promise<{ c: number } | undefined> {
  return t.get("SELECT count(*) AS c FROM counters WHERE name LIKE 'chain-%'")
}

export function databaseCases(name: string, open: () => Promise<Opened>): void {
  describe(`${name}: database contract`, () => {
    let db: Db
    openedOnce(open, async (opened) => {
      db = opened.db
      await db.tx(async (t) => {
        await t.run('CREATE TABLE items (id TEXT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION, data BYTEA)')
        await t.run('CREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL)')
      })
    })

    const count = async (like: string): Promise<number> =>
      (await db.get<{ c: number }>('SELECT count(*) AS c FROM items WHERE id LIKE ?', [like]))?.c ?? -1

    it('returns what the work returns, and its rows are there afterwards', async () => {
      const changed = await db.tx((t) => insert(t, 'basic-1', 7))
      assert.equal(changed, 1)
      assert.deepEqual(await db.all('SELECT id, n FROM items WHERE id = ?', ['basic-1']), [{ id: 'basic-1', n: 7 }])
      assert.equal(await db.get('SELECT id FROM items WHERE id = ?', ['absent']), undefined)
    })

    it('sees its own writes inside the transaction, and nobody else does', async () => {
      const inside = await db.tx(async (t) => {
        await insert(t, 'own-1')
        return { own: await t.get('SELECT id FROM items WHERE id = ?', ['own-1']), outside: await count('own-%') }
      })
      assert.deepEqual(inside.own, { id: 'own-1' })
      assert.equal(inside.outside, 0)
      assert.equal(await count('own-%'), 1)
    })

    it('rolls back the work that throws and no neighbour', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          db.tx(async (t) => {
            await insert(t, `near-${i}`)
            if (i % 4 === 1) throw new Error(`refused ${i}`)
            return i
          }),
        ),
      )
      const refused = results.flatMap((result, i) => (result.status === 'rejected' ? [[i, String(result.reason)]] : []))
      assert.deepEqual(
        refused,
        [1, 5, 9, 13, 17].map((i) => [i, `Error: refused ${i}`]),
      )
      assert.equal(await count('near-%'), 15)
      assert.equal(await count('near-1'), 0)
    })

    it('a failed statement dooms its transaction, even when the error is caught', async () => {
      await db.tx((t) => insert(t, 'doom-1'))
      const caught = db.tx(async (t) => {
        await insert(t, 'doom-2')
        await insert(t, 'doom-1').catch((error: unknown) => assert.ok(isUniqueViolation(error)))
        return 'went on'
      })
      await assert.rejects(caught, (error) => isUniqueViolation(error))
      const further = db.tx(async (t) => {
        await insert(t, 'doom-1').catch(() => undefined)
        await insert(t, 'doom-3')
      })
      await assert.rejects(further, /can only be rolled back/)
      assert.equal(await count('doom-%'), 1)
    })

    it('has RETURNING and ON CONFLICT', async () => {
      const upsert =
        'INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = counters.n + excluded.n RETURNING n'
      assert.deepEqual(await db.tx((t) => t.all(upsert, ['upsert', 5])), [{ n: 5 }])
      assert.deepEqual(await db.tx((t) => t.get(upsert, ['upsert', 6])), { n: 11 })
      const ignored = 'INSERT INTO counters (name, n) VALUES (?, ?) ON CONFLICT (name) DO NOTHING'
      assert.equal(await db.tx((t) => t.run(ignored, ['upsert', 1])), 0)
      assert.deepEqual(
        await db.tx((t) => t.all('UPDATE counters SET n = 0 WHERE name = ? RETURNING name, n', ['upsert'])),
        [{ name: 'upsert', n: 0 }],
      )
      assert.equal(await db.tx((t) => t.run('DELETE FROM counters WHERE name = ?', ['upsert'])), 1)
    })

    it('keeps values as they are: integers to ±(2^53-1), doubles, bytes, text, null', async () => {
      const bytes = new Uint8Array([0, 255, 39, 34, 63, 128])
      const insertAll = 'INSERT INTO items (id, n, x, data) VALUES (?, ?, ?, ?)'
      const values: [string, number | null, number | null, Uint8Array | null][] = [
        ['value-max', Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, bytes],
        ['value-min', Number.MIN_SAFE_INTEGER, Number.MIN_VALUE, new Uint8Array(0)],
        ['value-third', 3, 1 / 3, bytes],
        ['value-ünïcode 🙂 \'"?\\', null, null, null],
      ]
      await db.tx(async (t) => {
        for (const row of values) await t.run(insertAll, row)
      })
      for (const [id, n, x, data] of values) {
        const row = await db.get<{ n: number; x: number; data: Uint8Array | null }>(
          'SELECT n, x, data FROM items WHERE id = ?',
          [id],
        )
        assert.ok(row)
        assert.equal(row.n, n)
        assert.equal(row.x, x)
        assert.deepEqual(row.data === null ? null : [...row.data], data === null ? null : [...data])
      }
    })

    it('counts, sums, averages and truth values arrive as numbers', async () => {
      await db.tx(async (t) => {
        for (let i = 1; i <= 4; i++) await insert(t, `agg-${i}`, i)
      })
      const row = await db.get(
        "SELECT count(*) AS c, sum(n) AS s, avg(n) AS a, max(n) AS m, count(*) > 3 AS yes, max(n) / 3 AS whole FROM items WHERE id LIKE 'agg-%'",
      )
      assert.deepEqual(row, { c: 4, s: 10, a: 2.5, m: 4, yes: 1, whole: 1 })
    })

    it('binds whole numbers as whole numbers in text columns and LIMIT', async () => {
      await db.tx((t) => t.run('INSERT INTO counters (name, n) VALUES (?, ?)', [3, 3]))
      assert.deepEqual(await db.get('SELECT name FROM counters WHERE n = ? LIMIT ?', [3, 1]), { name: '3' })
    })

    it('refuses what cannot be bound', async () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, true, undefined]) {
        await assert.rejects(db.all('SELECT id FROM items WHERE n = ?', [value as number]), /cannot bind/)
        await assert.rejects(
          db.tx((t) => t.run('UPDATE items SET n = ? WHERE id = ?', [value as number, 'x'])),
          /cannot bind/,
        )
      }
    })

    it('LIKE tells capitals from small letters', async () => {
      await db.tx((t) => insert(t, 'Case-1'))
      assert.equal(await count('Case-%'), 1)
      assert.equal(await count('case-%'), 0)
    })

    it('question marks in quotes are text, not placeholders', async () => {
      assert.deepEqual(await db.get(`SELECT '?' AS a, 'it''s ?' AS b, CAST(? AS BIGINT) AS "c?" -- ?`, [4]), {
        a: '?',
        b: "it's ?",
        'c?': 4,
      })
    })

    it('200 increments at the same time are 200', async () => {
      await db.tx((t) => t.run('INSERT INTO counters (name, n) VALUES (?, 0)', ['parallel']))
      const increment = () =>
        db.tx(async (t) => {
          const row = await t.get<{ n: number }>('SELECT n FROM counters WHERE name = ?', ['parallel'])
          assert.ok(row)
          await t.run('UPDATE counters SET n = ? WHERE name = ?', [row.n + 1, 'parallel'])
        })
      // twice as many at a time as there are connections: 200 that wait in one line outlast the patience of the last
      const writers = Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 10; i++) await increment()
      })
      await Promise.all(writers)
      assert.deepEqual(await db.get('SELECT n FROM counters WHERE name = ?', ['parallel']), { n: 200 })
    })

    it('a lock serialises those who name it, whatever they do afterwards', async () => {
      let most = 0
      await db.tx((t) => t.run('INSERT INTO counters (name, n) VALUES (?, 0)', ['locked']))
      await Promise.all(
        Array.from({ length: 40 }, () =>
          db.tx(async (t) => {
            await t.lock('cases')
            const row = await t.get<{ n: number }>('SELECT n FROM counters WHERE name = ?', ['locked'])
            most = Math.max(most, row?.n ?? 0)
            await t.run('UPDATE counters SET n = n + 1 WHERE name = ?', ['locked'])
          }),
        ),
      )
      assert.equal(most, 39)
      assert.deepEqual(await db.get('SELECT n FROM counters WHERE name = ?', ['locked']), { n: 40 })
    })

    it('a lock named late is as good as one named first', async () => {
      await db.tx((t) => t.run('INSERT INTO counters (name, n) VALUES (?, 0)', ['chain-0']))
      await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          db.tx(async (t) => {
            await insert(t, `late-${i}`)
            await t.lock('chain')
            await t.run('INSERT INTO counters (name, n) VALUES (?, ?)', [`chain-${(await countChain(t))?.c}`, i])
          }),
        ),
      )
      assert.equal((await db.tx(countChain))?.c, 31)
      assert.equal(await count('late-%'), 30)
    })

    it('does big batches', async () => {
      await db.tx(async (t) => {
        for (let i = 0; i < 5000; i++) await insert(t, `big-${i}`, i)
      })
      const rows = await db.all<{ id: string }>("SELECT id FROM items WHERE id LIKE 'big-%' ORDER BY n")
      assert.equal(rows.length, 5000)
      assert.equal(rows[4999]?.id, 'big-4999')
    })

    it('runs composed statements, and searches', async () => {
      await db.tx(async (t) => {
        await insert(t, 'find-a', 1)
        await insert(t, 'find-b', 2)
      })
      const query = composed`SELECT id, n FROM items WHERE ${all([composed`id LIKE ${'find-%'}`, composed`n > ${1}`])}`
      assert.deepEqual(await fetchAll(db, query), [{ id: 'find-b', n: 2 }])
      assert.deepEqual(await db.search(query), [{ id: 'find-b', n: 2 }])
      const sql = 'SELECT id FROM items WHERE id LIKE ? ORDER BY id'
      assert.deepEqual(await db.search({ text: sql, params: ['find-%'] }), [{ id: 'find-a' }, { id: 'find-b' }])
      const made = await db.tx((t) =>
        fetchAll(t, composed`INSERT INTO items (id, n) VALUES (${'find-c'}, ${3}) RETURNING n`),
      )
      assert.deepEqual(made, [{ n: 3 }])
      await assert.rejects(db.search({ text: 'SELECT a FROM nowhere', params: [] }), /nowhere/)
      assert.deepEqual(await db.search({ text: sql, params: ['find-c'] }), [{ id: 'find-c' }])
    })

    it('searches by columns as by rows: numbers packed, anything else as a list, however many rows', async () => {
      await db.tx(async (t) => {
        await t.run('CREATE TABLE columned (i BIGINT, x DOUBLE PRECISION, none BIGINT, word TEXT, same TEXT)')
        for (let i = 0; i < 5000; i++)
          await t.run('INSERT INTO columned (i, x, none, word, same) VALUES (?, ?, ?, ?, ?)', [
            i - 2500,
            i / 7,
            i === 4999 ? null : i,
            i < 4900 ? 'w' : `w${i}`,
            'ä',
          ])
      })
      for (const least of [5000, 4999, 4995, 4000, 0]) {
        const query = { text: 'SELECT * FROM columned WHERE i >= ? ORDER BY i', params: [least - 2500] }
        const { count, values } = await db.searchColumns(query)
        assert.equal(count, 5000 - least)
        const places = Array.from({ length: count }, (_, at) => least + at)
        const wanted = {
          i: Float64Array.from(places, (i) => i - 2500),
          x: Float64Array.from(places, (i) => i / 7),
          none: places.map((i) => (i === 4999 ? null : i)),
          word: places.map((i) => (i < 4900 ? 'w' : `w${i}`)),
          same: places.map(() => 'ä'),
        }
        if (count > 0) assert.deepEqual(values, wanted, `from ${least} on`)
        const rows = places.map((_, at) =>
          Object.fromEntries(Object.entries(wanted).map(([name, column]) => [name, column[at]])),
        )
        assert.deepEqual(await db.search(query), rows, `rows from ${least} on`)
      }
      await assert.rejects(db.searchColumns({ text: 'SELECT a FROM nowhere', params: [] }), /nowhere/)
    })

    it('cannot write outside a transaction', async () => {
      await assert.rejects(db.all("DELETE FROM items WHERE id = 'basic-1'"), /read-?only/i)
      await assert.rejects(db.search({ text: "DELETE FROM items WHERE id = 'basic-1'", params: [] }), /read-?only/i)
      assert.equal(await count('basic-1'), 1)
    })

    it('refuses a transaction inside a transaction, and a statement after its end', async () => {
      const inner = db.tx(async (t) => {
        await insert(t, 'nested-1')
        await db.tx((u) => insert(u, 'nested-2'))
      })
      await assert.rejects(inner, /db\.tx inside a transaction/)
      assert.equal(await count('nested-%'), 0)
      let leaked: Tx | undefined
      await db.tx(async (t) => {
        leaked = t
      })
      await assert.rejects(leaked?.run('DELETE FROM items') ?? Promise.resolve(), /is over/)
    })

    it('a transaction may be started from what a transaction left behind', async () => {
      const ended = Promise.withResolvers<void>()
      let left: Promise<number> | undefined
      await db.tx(async (t) => {
        await insert(t, 'left-1')
        left = ended.promise.then(() => db.tx((u) => insert(u, 'left-2')))
      })
      ended.resolve()
      assert.equal(await left, 1)
    })

    it('tells after the commit, and not after a rollback', async () => {
      const told: string[] = []
      await db.tx(async (t) => {
        t.afterCommit(() => told.push('kept'))
        await insert(t, 'told-1')
        assert.deepEqual(told, [])
      })
      await assert.rejects(
        db.tx(async (t) => {
          t.afterCommit(() => told.push('lost'))
          throw new Error('no')
        }),
      )
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(told, ['kept'])
    })

    it("a text with NUL is the caller's mistake, written or asked for", async () => {
      await db.tx((t) => t.run('CREATE TABLE texts (a TEXT)'))
      const nul = { code: 'bad_request', message: /NUL/ }
      await assert.rejects(
        db.tx((t) => t.run('INSERT INTO texts (a) VALUES (?)', ['a\0b'])),
        nul,
      )
      await assert.rejects(db.all('SELECT a FROM texts WHERE a = ?', ['\0']), nul)
      await assert.rejects(db.search({ text: 'SELECT a FROM texts WHERE a = ?', params: ['\0'] }), nul)
      assert.deepEqual(await db.all('SELECT a FROM texts'), [])
    })

    it('enforces foreign keys', async () => {
      await db.tx((t) => t.run('CREATE TABLE parts (id TEXT PRIMARY KEY, item TEXT NOT NULL REFERENCES items (id))'))
      await assert.rejects(
        db.tx((t) => t.run('INSERT INTO parts (id, item) VALUES (?, ?)', ['p', 'nowhere'])),
        /foreign key/i,
      )
    })
  })
}
