/** What the tests of a suite share: it is opened before the first of them and closed after the last. */
import { after, before } from 'node:test'

/** How it ends. */
type Ended = { close(): Promise<unknown> } | { stop(): Promise<unknown> }

/** Opens one for the suite, or the file, in which this is called; `ready` gets it before the first test. */
export function openedOnce<T extends Ended>(open: () => Promise<T>, ready: (opened: T) => void | Promise<void>): void {
  let opened: T | undefined
  before(async () => {
    opened = await open()
    await ready(opened)
  })
  after(async () => {
    if (opened !== undefined) await ('close' in opened ? opened.close() : opened.stop())
  })
}
