/** A database for tests that refuses a transaction in which a statement is not waited for: its fault would be nobody's. */
import assert from 'node:assert/strict'
import type { Db, Tx } from './db.ts'

/** Turns of the queue of promises that a statement takes at least, so that the code goes on before it where it does not wait. */
const TURNS = 4

/** The database with some of its calls replaced. */
export function dbWith(db: Db, calls: Partial<Db>): Db {
  return {
    kind: db.kind,
    all: (sql, params) => db.all(sql, params),
    get: (sql, params) => db.get(sql, params),
    tx: (work) => db.tx(work),
    search: (query) => db.search(query),
    searchColumns: (query) => db.searchColumns(query),
    close: () => db.close(),
    ...calls,
  }
}

/** The database; a transaction of it fails when a statement begins, or all is done, while one before is under way. */
export function awaited(db: Db): Db {
  return dbWith(db, {
    tx: (work) =>
      db.tx(async (t) => {
        const { watched, isIdle } = watch(t)
        const result = await work(watched)
        assert.ok(isIdle(), 'the transaction waits for each of its statements')
        return result
      }),
  })
}

function watch(t: Tx): { readonly watched: Tx; readonly isIdle: () => boolean } {
  let under: string | undefined
  const one = async <T>(sql: string, run: () => Promise<T>): Promise<T> => {
    assert.equal(under, undefined, `a statement is waited for before the next one: ${sql}`)
    under = sql
    try {
      const result = await run()
      for (let i = 0; i < TURNS; i++) await Promise.resolve()
      return result
    } finally {
      under = undefined
    }
  }
  const watched: Tx = {
    kind: t.kind,
    all: (sql, params) => one(sql, () => t.all(sql, params)),
    get: (sql, params) => one(sql, () => t.get(sql, params)),
    run: (sql, params) => one(sql, () => t.run(sql, params)),
    lock: (name) => one(name, () => t.lock(name)),
    afterCommit: (then) => t.afterCommit(then),
  }
  return { watched, isIdle: () => under === undefined }
}
