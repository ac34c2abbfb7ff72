/** Which files this process has open, for tests of what is closed. Linux alone tells it. */
import { readdirSync, readlinkSync } from 'node:fs'
import { until } from '../../test/until.ts'

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

/** Waits until no file below a folder is open: one that nobody awaits is closed by and by. */
export async function allClosedBelow(folder: string): Promise<void> {
  await until(`the end of the files below ${folder}`, () => descriptorsBelow(folder).length === 0)
}
