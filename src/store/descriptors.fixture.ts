/** Which files this process has open, for tests of what is closed. Linux alone tells it. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'

/** The descriptors that stand for files below a folder. */
export function descriptorsBelow(folder: string): number[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`) ? [Number(fd)] : []
    } catch {
      // it was that of the listing itself
      return []
    }
  })
}

/** Waits until no file below a folder is open: one that nobody awaits is closed by and by. By the wall clock, for tests hold the other. */
export async function allClosedBelow(folder: string): Promise<void> {
  for (const end = Date.now() + 60_000; descriptorsBelow(folder).length > 0 && Date.now() < end;) await turn()
  assert.deepEqual(descriptorsBelow(folder), [])
}
