/** Which files this process has open, for tests of what is closed. Linux alone tells it. */
import { readdirSync, readlinkSync } from 'node:fs'

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
