/** The files of a folder that goes into an image. */
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { problem } from '../../contract/errors.ts'

/** Paths of the files of a folder, sorted. Throws `unprocessable` for a link or device, for what it leads to would not come with it. */
export async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const odd = entries.find((one) => !one.isFile() && !one.isDirectory())
  if (odd !== undefined)
    throw problem('unprocessable', {
      detail: `${join(odd.parentPath, odd.name)} is a link or a device; an image takes files`,
    })
  return entries
    .filter((one) => one.isFile())
    .map((one) => relative(dir, join(one.parentPath, one.name)).replaceAll('\\', '/'))
    .toSorted((a, b) => (a < b ? -1 : 1))
}
