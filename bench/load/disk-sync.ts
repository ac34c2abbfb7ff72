/** What a disk sync costs where temporary files lie: no durable answer to a lone caller is quicker. */
import { closeSync, fdatasync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Bytes of a small commit: a few pages. */
const BYTES = 24 * 1024
const TIMES = 200

/** The median wait for a small write to be on the disk, ms, of a file that does not grow, as SQLite's log mostly does not. */
export async function syncTime(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sync-'))
  const file = openSync(join(folder, 'file'), 'w')
  try {
    const block = Buffer.alloc(BYTES, 1)
    for (let i = 0; i < TIMES; i++) writeSync(file, block, 0, BYTES, i * BYTES)
    fsyncSync(file)
    const taken: number[] = []
    for (let i = 0; i < TIMES; i++) {
      block.writeUInt32LE(i)
      writeSync(file, block, 0, BYTES, i * BYTES)
      const began = performance.now()
      await promisify(fdatasync)(file)
      taken.push(performance.now() - began)
    }
    return taken.sort((a, b) => a - b)[TIMES >> 1] ?? Number.NaN
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
}
