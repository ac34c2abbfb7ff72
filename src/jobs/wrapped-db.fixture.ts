/** A database whose transactions a test can hold up or refuse. */
import type { Db } from '../store/db.ts'

/** The same database, but each transaction waits for `before` first, and fails when that does; `after` is told of each that was done. */
export function wrapDb(db: Db, before: () => Promise<unknown> | void, after: () => void = () => undefined): Db {
  const tx: Db['tx'] = async (work) => {
    await before()
    const value = await db.tx(work)
    after()
    return value
  }
  return new Proxy(db, {
    get(of, name) {
      if (name === 'tx') return tx
      const value = Reflect.get(of, name, of) as unknown
      return typeof value === 'function' ? (value.bind(of) as unknown) : value
    },
  })
}
