/** Frames of AWS's `application/vnd.amazon.eventstream`, read as they come. */
import { crc32 } from 'node:zlib'
import { problem } from '../../../contract/errors.ts'
import type { StreamEvent } from './dialects.ts'

/** Longest frame in bytes, as AWS limits it. */
const LARGEST = 16 * 1024 * 1024
/** Lengths of frame and headers, and the checksum of both. */
const PRELUDE = 12
/** Checksum at the end of a frame. */
const TAIL = 4

/** Reads frames from chunks that are cut anywhere. Throws `upstream_failed` for a frame that is damaged, larger than 16 MiB, or an error. */
export class EventStreamParser {
  private chunks: Uint8Array[] = []
  private size = 0
  /** Bytes that must lie here before there is anything to read. */
  private wanted = PRELUDE

  /** Events of the frames that the bytes end. */
  push(bytes: Uint8Array): StreamEvent[] {
    this.chunks.push(bytes)
    this.size += bytes.length
    const found: StreamEvent[] = []
    while (this.size >= this.wanted) {
      const whole =
        this.chunks.length === 1 && this.chunks[0] !== undefined ? this.chunks[0] : Buffer.concat(this.chunks)
      const buffer = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength)
      this.chunks = [buffer]
      if (this.wanted === PRELUDE) {
        this.wanted = lengthOf(buffer)
        continue
      }
      const event = eventOf(buffer.subarray(0, this.wanted))
      if (event !== undefined) found.push(event)
      this.chunks = [buffer.subarray(this.wanted)]
      this.size -= this.wanted
      this.wanted = PRELUDE
    }
    return found
  }

  /** Throws `upstream_failed` where the stream ended within a frame. */
  end(): StreamEvent[] {
    if (this.size > 0) throw damaged('the stream ended within a frame')
    return []
  }
}

function damaged(detail: string): Error {
  return problem('upstream_failed', { what: 'the provider', detail })
}

/** Length of the frame that begins here, its prelude checked. */
function lengthOf(buffer: Buffer): number {
  const length = buffer.readUInt32BE(0)
  const headers = buffer.readUInt32BE(4)
  if (crc32(buffer.subarray(0, 8)) !== buffer.readUInt32BE(8))
    throw damaged('the prelude of a frame does not match its checksum')
  if (length > LARGEST) throw damaged(`a frame has ${length} bytes, more than ${LARGEST}`)
  if (length < PRELUDE + headers + TAIL)
    throw damaged(`a frame of ${length} bytes cannot have ${headers} bytes of headers`)
  return length
}

/** The event of a whole frame; undefined for a frame without a type, which only keeps the connection open. */
function eventOf(frame: Buffer): StreamEvent | undefined {
  const end = frame.length - TAIL
  if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) throw damaged('a frame does not match its checksum')
  const length = frame.readUInt32BE(4)
  const headers = headersOf(frame.subarray(PRELUDE, PRELUDE + length))
  if (headers.get(':message-type') === 'error')
    throw damaged(`${headers.get(':error-code') ?? 'error'}: ${headers.get(':error-message') ?? ''}`)
  const event = headers.get(':exception-type') ?? headers.get(':event-type')
  return event === undefined ? undefined : { event, data: frame.toString('utf8', PRELUDE + length, end) }
}

/** Bytes of a value by its type; null = a length of two bytes stands before it. */
const SIZES: readonly (number | null)[] = [0, 0, 1, 2, 4, 8, null, null, 8, 16]
/** Type of a text. */
const TEXT = 7

/** Headers that are texts. */
function headersOf(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>()
  try {
    for (let at = 0; at < bytes.length;) {
      const nameEnd = at + 1 + bytes.readUInt8(at)
      const type = bytes.readUInt8(nameEnd)
      const size = SIZES[type]
      if (size === undefined) throw damaged(`a header has the type ${type}, which does not exist`)
      const start = nameEnd + 1 + (size === null ? 2 : 0)
      const end = start + (size ?? bytes.readUInt16BE(nameEnd + 1))
      if (end > bytes.length) throw damaged('a header ends after the headers')
      if (type === TEXT) found.set(bytes.toString('utf8', at + 1, nameEnd), bytes.toString('utf8', start, end))
      at = end
    }
  } catch (error) {
    if (error instanceof RangeError) throw damaged('a header ends after the headers')
    throw error
  }
  return found
}
