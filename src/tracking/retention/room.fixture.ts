/** A tracking room on a store of its own for a suite of retention, whose clock is the test's. */
import { openedOnce } from '../../../test/opened.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { Db } from '../../store/db.ts'
import type { Tracking } from '../context/context.ts'
import { roomOn } from '../context/room.fixture.ts'

/** A migrated, empty store. */
export interface OpenedStore {
  readonly db: Db
  readonly blobs: Blobs
  close(): Promise<void>
}

/** Opens the store of the suite in which this is called; `ready` gets the room before the first test. */
export function roomOf(open: () => Promise<OpenedStore>, clock: () => number, ready: (room: Tracking) => void): void {
  openedOnce(open, (store) => ready(roomOn(store, clock)))
}
