/** A database whose transactions a test can hold up or refuse. */
import type { Db } from '../store/db.ts'

/** The same database, but each transaction waits for `before` first, and fails when that does. */
export function wrapDb(db: Db, before: () => Promise<unknown> | void): Db {
  const tx: Db['tx'] = async (work) => {
    await before()
    return db.tx(work)
  }
  return new Proxy(db, {
    get(of, name) {
      if (name === 'tx') return tx
      const value = Reflect.get(of, name, of) as unknown
      return typeof value === 'function' ? (value.bind(of) as unknown) : value
    },
  })
}
