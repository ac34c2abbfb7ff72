/** Reads files that users name, or that lie in a folder of theirs: no more than a limit, and no wait for what nobody writes. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Most that is read of a file that is written by hand, bytes. */
const WRITTEN = 16 * 1024 * 1024

/** A file that is not read, and why. */
export class UnreadFile extends Error {}

export interface Reading {
  /** Most bytes; default 16 MiB. */
  readonly most?: number
  /** Also a pipe, as a shell makes one of `<(command)`: who names it waits for it. */
  readonly pipes?: boolean
}

/** The bytes of a file. Throws as `readFile`, and UnreadFile for what is no file, or is larger. */
export async function readUserFile(path: string, { most = WRITTEN, pipes = false }: Reading = {}): Promise<Buffer> {
  // without O_NONBLOCK to open a pipe waits for its writer
  const file = await open(path, constants.O_RDONLY | (pipes ? 0 : constants.O_NONBLOCK))
  try {
    const found = await file.stat()
    const isTaken = found.isFile() || found.isDirectory() || (pipes && found.isFIFO())
    if (!isTaken) throw new UnreadFile(`${path} is ${kindOf(found)}; expected a file`)
    const parts: Buffer[] = []
    for (let size = 0; ;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(64 * 1024))
      if (bytesRead === 0) return Buffer.concat(parts)
      if ((size += bytesRead) > most) throw new UnreadFile(`${path} has more than ${most} bytes; expected fewer`)
      parts.push(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** As `readUserFile`, as text. */
export async function readUserText(path: string, reading?: Reading): Promise<string> {
  return (await readUserFile(path, reading)).toString('utf8')
}

function kindOf(found: { isFIFO(): boolean; isSocket(): boolean }): string {
  if (found.isFIFO()) return 'a pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}
