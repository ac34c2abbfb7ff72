/** A database with all tables for a suite of jobs, in which each test finds some of them empty. */
import { beforeEach } from 'node:test'
import { openedOnce } from '../../test/opened.ts'
import type { Db } from '../store/db.ts'

export interface Opened {
  readonly db: Db
  close(): Promise<void>
}

/** Opens and migrates one for the suite in which this is called; `emptied` tables lose their rows before each test. */
export function tablesOf<T extends Opened>(
  open: () => Promise<T>,
  emptied: readonly string[],
  ready: (opened: T) => void | Promise<void>,
): void {
  let db: Db
  openedOnce(open, async (opened) => {
    db = opened.db
    await ready(opened)
  })
  beforeEach(() =>
    db.tx(async (t) => {
      for (const table of emptied) await t.run(`DELETE FROM ${table}`)
    }),
  )
}
