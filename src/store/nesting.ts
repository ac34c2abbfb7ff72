/** Knows the transaction that the running code is inside of, so that a second one inside it is refused and cannot deadlock. */
import { AsyncLocalStorage } from 'node:async_hooks'

/** The transaction of the running code; `open` is false once it is over. */
export const nested = new AsyncLocalStorage<{ readonly open: boolean }>()

/** Throws when called inside a transaction. */
export function refuseNested(): void {
  if (nested.getStore()?.open === true) {
    throw new Error('db.tx inside a transaction: pass the outer transaction (t) down instead')
  }
}
