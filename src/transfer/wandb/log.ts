/**
 * Reads the record file of the wandb SDK: LevelDB's log format behind a header of seven bytes, with the plain CRC-32 of the type
 * and the bytes of each piece (wandb's own `core/internal/transactionlog` and `leveldb/record`).
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { problem } from '../../contract/errors.ts'

const BLOCK = 32 * 1024
const HEADER = 7
const IDENTITY = ':W&B'
const MAGIC = 0xbee1
/** Largest record that is put together, bytes. */
const LARGEST = 256 * 1024 * 1024

const FULL = 1
const FIRST = 2
const LAST = 4

/** What could not be read, in words. */
export interface Damage {
  readonly damage: string
}

/** A record's bytes, or the damage that stands where one should be. */
export type Read = Uint8Array | Damage

/**
 * The records of a file, in order. A piece that is cut off or does not match its checksum is told, and reading goes on behind it.
 * Throws `unprocessable` for a file that the SDK did not write.
 */
export async function* readLog(path: string): AsyncGenerator<Read> {
  const file = await open(path, 'r')
  try {
    const state: Joined = { parts: [], size: 0 }
    for (let start = 0; ; start += BLOCK) {
      const block = await blockAt(file, start)
      if (start === 0) checkHead(path, block)
      yield* readBlock(block, start, state)
      if (block.length < BLOCK) break
    }
    if (state.parts.length > 0) yield { damage: 'the file ends within a record' }
  } finally {
    await file.close()
  }
}

/** The pieces of the record that is under way. */
interface Joined {
  parts: Uint8Array[]
  size: number
}

async function blockAt(file: FileHandle, start: number): Promise<Buffer> {
  const block = Buffer.alloc(BLOCK)
  let filled = 0
  while (filled < BLOCK) {
    const { bytesRead } = await file.read(block, filled, BLOCK - filled, start + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return block.subarray(0, filled)
}

function checkHead(path: string, block: Buffer): void {
  const isOurs =
    block.length >= HEADER && block.toString('latin1', 0, 4) === IDENTITY && block.readUInt16LE(4) === MAGIC
  if (!isOurs) throw problem('unprocessable', { detail: `${path} is not a record file of the wandb SDK` })
  const version = block[6]
  if (version === 0) return
  throw problem('unprocessable', {
    detail: `${path} has version ${version} of wandb's record format; version 0 is read`,
  })
}

function* readBlock(block: Buffer, start: number, state: Joined): Generator<Read> {
  let at = start === 0 ? HEADER : 0
  let bad: number | undefined
  while (at + HEADER <= block.length) {
    const length = block.readUInt16LE(at + 4)
    const type = block[at + 6] ?? 0
    const end = at + HEADER + length
    // what was never written reads as zeros
    if (type === 0 && length === 0 && block.readUInt32LE(at) === 0) break
    if (end <= block.length && crc32(block.subarray(at + 6, end)) === block.readUInt32LE(at)) {
      if (bad !== undefined) yield damaged(start + bad, start + at, state)
      bad = undefined
      yield* joined(block.subarray(at + HEADER, end), type, state)
    } else bad ??= at
    at = end
  }
  if (bad !== undefined) yield damaged(start + bad, start + block.length, state)
  else if (block.length < BLOCK && at < block.length && block.subarray(at).some((byte) => byte !== 0)) {
    yield damaged(start + at, start + block.length, state)
  }
}

function damaged(from: number, to: number, state: Joined): Damage {
  drop(state)
  return { damage: `bytes ${from} to ${to} cannot be read` }
}

function drop(state: Joined): void {
  state.parts = []
  state.size = 0
}

function* joined(bytes: Uint8Array, type: number, state: Joined): Generator<Read> {
  if (type === FULL || type === FIRST) {
    if (state.parts.length > 0) yield { damage: 'a record has no end' }
    drop(state)
    if (type === FULL) return yield bytes
  } else if (state.parts.length === 0) {
    // the rest of a record whose beginning was told as damaged
    return
  }
  state.parts.push(bytes)
  state.size += bytes.length
  if (state.size > LARGEST) {
    drop(state)
    yield { damage: `a record is larger than ${LARGEST} bytes` }
  } else if (type === LAST) {
    const whole = Buffer.concat(state.parts)
    drop(state)
    yield whole
  }
}
