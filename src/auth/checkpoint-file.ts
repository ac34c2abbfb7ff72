/** The file of checkpoints in the data folder: lines are added and never changed; what a crash cut off is taken away. */
import { appendFile, open, readFile } from 'node:fs/promises'
import { ifMissing } from '../contract/absence/absent.ts'
import { GENESIS } from './audit.ts'
import { hashOfLine, readLine } from './checkpoint-record.ts'
import type { ReadCheckpoint } from './checkpoint-record.ts'

/** The end of the file is enough to go on from, bytes. */
const TAIL_BYTES = 128 * 1024

/** The newest lines. */
export interface Tail {
  /** Without a look at their signatures. */
  readonly points: readonly ReadCheckpoint[]
  /** What the next line names as the one before it. */
  readonly prev: string
  /** Where whole lines end, bytes. */
  readonly end: number
}

/** The whole file; '' where there is none. */
export async function readCheckpoints(file: string): Promise<string> {
  return (await ifMissing(readFile(file, 'utf8'))) ?? ''
}

/** The end of the file. */
export async function readTail(file: string): Promise<Tail> {
  const handle = await ifMissing(open(file, 'r'))
  if (handle === undefined) return { points: [], prev: GENESIS, end: 0 }
  try {
    const { size } = await handle.stat()
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
    const start = size - bytes.length
    await handle.read(bytes, 0, bytes.length, start)
    const end = bytes.lastIndexOf('\n') + 1
    // a first line of which the beginning is not read is no line of ours
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    const last = lines.at(-1)
    return {
      points: lines.flatMap((line) => readLine(line) ?? []),
      prev: last === undefined ? GENESIS : hashOfLine(last),
      end: start + end,
    }
  } finally {
    await handle.close()
  }
}

/** Adds a line where the whole lines end; durable when it resolves. */
export async function addLine(file: string, line: string, { end }: Tail): Promise<void> {
  const handle = await open(file, 'a', 0o600)
  try {
    if ((await handle.stat()).size > end) await handle.truncate(end)
    await appendFile(handle, `${line}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
