/** A database whose transactions a test can hold up, refuse, or break at a statement. */
import type { Db, Tx } from '../store/db.ts'

/** The same database, but each transaction waits for `before` first, and fails when that does; `after` is told of each that was done. */
export function wrapDb(db: Db, before: () => Promise<unknown> | void, after: () => void = () => undefined): Db {
  const tx: Db['tx'] = async (work) => {
    await before()
    const value = await db.tx(work)
    after()
    return value
  }
  return replacing(db, { tx })
}

/** A database, one statement of which can be made to fail. */
export interface Breakable {
  readonly db: Db
  /** Of the statements in transactions from now on the one of this number fails, from 0 on, and those after it do not. */
  breakAt(place: number): void
  /** Lets all pass again; true when the one that was to fail has come. */
  heal(): boolean
}

/** The same database; what fails says `the disk is full`. Locks count as statements. */
export function breakable(db: Db): Breakable {
  let left = Infinity
  const tried =
    <A extends unknown[], R>(statement: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      left-- === 0 ? Promise.reject(new Error('the disk is full')) : statement(...args)
  const broken = (t: Tx): Tx =>
    replacing(t, {
      run: tried((...args) => t.run(...args)),
      lock: tried((name) => t.lock(name)),
      get: <T>(...args: Parameters<Tx['get']>) => tried(() => t.get<T>(...args))(),
      all: <T>(...args: Parameters<Tx['all']>) => tried(() => t.all<T>(...args))(),
    })
  return {
    db: replacing<Db>(db, { tx: (work) => db.tx((t) => work(broken(t))) }),
    breakAt: (place) => void (left = place),
    heal() {
      const came = left < 0
      left = Infinity
      return came
    },
  }
}

/** The same object with some of its functions replaced. */
function replacing<T extends object>(of: T, functions: Partial<T>): T {
  return new Proxy(of, {
    get(target, name) {
      if (Object.hasOwn(functions, name)) return Reflect.get(functions, name) as unknown
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
