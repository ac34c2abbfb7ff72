/** Ends the statement of a connection whose caller has gone away. */
import type pg from 'pg'

/** How soon a statement that goes on is cancelled again, ms. */
const AGAIN_MS = 100

export interface Cancelling {
  /** To be called once the statement is over. False when a cancel may still be on its way to the connection: it would meet the next statement. */
  over(): Promise<boolean>
}

/**
 * Cancels what a connection does until it is over. Once is not enough: a cancel overtakes a statement that was sent just before it, on
 * another connection, and PostgreSQL drops what reaches a connection that does nothing; and one may find no connection of `through` free.
 */
export function cancelUntilOver(client: pg.PoolClient, through: pg.Pool): Cancelling {
  const { processID } = client as unknown as { processID: number }
  let over = false
  let timer: NodeJS.Timeout | undefined
  let last: Promise<boolean>
  const cancel = async (): Promise<boolean> => {
    const said = await through.query('SELECT pg_cancel_backend($1)', [processID]).then(
      () => true,
      () => false,
    )
    if (!over) timer = setTimeout(again, AGAIN_MS)
    return said
  }
  const again = (): void => {
    last = cancel()
  }
  again()
  return {
    over: () => {
      over = true
      clearTimeout(timer)
      return last
    },
  }
}
