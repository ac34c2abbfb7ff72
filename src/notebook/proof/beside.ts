/** What lies beside research code is put beside its runs, as the code may read it by a path relative to its folder. */
import { cp, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifReadable } from '../../contract/absence/absent.ts'

/** Files of the folder that are copied: bytes in all, how many, and how deep. */
const BYTES = 100 * 1024 * 1024
const FILES = 3000
const DEPTH = 4
const LEFT = new Set(['.git', '.venv', 'venv', 'node_modules', '__pycache__', '.ipynb_checkpoints', '.slipway'])

/**
 * Copies the first files of a folder, those nearest to it first, large ones left out. The folder is the user's and may change meanwhile:
 * what goes, or may not be read, is left out, as the code could not read it either.
 */
export async function copyBeside(folder: string, work: string): Promise<void> {
  await mkdir(work, { recursive: true })
  let [room, files] = [BYTES, FILES]
  const waiting = ['']
  for (let inside = waiting.shift(); inside !== undefined && files > 0; inside = waiting.shift()) {
    for (const entry of (await ifReadable(readdir(join(folder, inside), { withFileTypes: true }))) ?? []) {
      const path = join(inside, entry.name)
      if (LEFT.has(entry.name) || path.split('/').length > DEPTH) continue
      if (entry.isDirectory()) waiting.push(path)
      const found = entry.isFile() ? await ifReadable(stat(join(folder, path))) : undefined
      if (found === undefined || found.size > room || (files -= 1) < 0) continue
      room -= found.size
      await ifReadable(cp(join(folder, path), join(work, path)))
    }
  }
}
