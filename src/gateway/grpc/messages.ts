/** Messages of a gRPC stream: cut from bytes, decompressed, framed; and the words of gRPC for deadlines and failures. */
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { HOUR_MS } from '../../contract/ids.ts'
import type { Problem } from '../../contract/errors.ts'
import { problem } from '../../contract/errors.ts'

/** Bytes before a message: a flag that it is compressed, and its length (u32 big-endian). */
const HEAD = 5

/** A message as it came. */
export interface Message {
  readonly compressed: boolean
  readonly bytes: Buffer
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  readonly #limit: number
  #chunks: Buffer[] = []
  #size = 0

  /** `limit`: longest message, bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes bytes as they come; returns the messages that are whole now. Throws `payload_too_large` as soon as a length tells it. */
  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const messages: Message[] = []
    while (this.#size >= HEAD) {
      const head = this.#whole(HEAD)
      const length = head.readUInt32BE(1)
      if (length > this.#limit) throw problem('payload_too_large', { limit: this.#limit })
      if (this.#size < HEAD + length) break
      const bytes = this.#whole(HEAD + length)
      messages.push({ compressed: bytes[0] !== 0, bytes: bytes.subarray(HEAD, HEAD + length) })
      this.#size -= HEAD + length
      this.#chunks = this.#size === 0 ? [] : [bytes.subarray(HEAD + length)]
    }
    return messages
  }

  /** Bytes that belong to no whole message. */
  get left(): number {
    return this.#size
  }

  /** The first chunk, made to hold `count` bytes at least. */
  #whole(count: number): Buffer {
    if ((this.#chunks[0] as Buffer).length < count) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] as Buffer
  }
}

const UNPACK = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const

/** The message without its compression. Throws `bad_request`, `malformed_body` or `payload_too_large`. */
export async function unpacked(message: Message, encoding: string | undefined, limit: number): Promise<Buffer> {
  if (!message.compressed) return message.bytes
  if (encoding !== 'gzip' && encoding !== 'deflate')
    throw problem('bad_request', { detail: `grpc-encoding "${encoding ?? ''}" is not supported; use gzip or deflate` })
  try {
    return await UNPACK[encoding](message.bytes, { maxOutputLength: limit })
  } catch (error) {
    const bomb = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    if (bomb) throw problem('payload_too_large', { limit })
    throw problem('malformed_body', { expected: encoding, detail: (error as Error).message })
  }
}

/** A message with its head, uncompressed. */
export function framed(bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEAD + bytes.length)
  out[0] = 0
  out.writeUInt32BE(bytes.length, 1)
  out.set(bytes, HEAD)
  return out
}

const UNITS: Readonly<Record<string, number>> = { H: HOUR_MS, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** The milliseconds of a grpc-timeout header, at least 1; undefined when it has none. Throws `invalid_field`. */
export function timeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const match = /^(\d{1,8})([HMSmun])$/.exec(header)
  if (match === null)
    throw problem('invalid_field', {
      field: 'grpc-timeout',
      value: header,
      expected: 'digits and a unit of H M S m u n',
    })
  return Math.max(1, Number(match[1]) * (UNITS[match[2] as string] as number))
}

/** gRPC's status codes by HTTP status. */
const STATUS: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  409: 9,
  413: 8,
  415: 3,
  429: 8,
  503: 14,
  504: 4,
}
const INVALID_ARGUMENT = 3
const INTERNAL = 13

/** The status of a problem as gRPC numbers it. */
export function statusOf(error: Problem): number {
  return STATUS[error.status] ?? (error.status < 500 ? INVALID_ARGUMENT : INTERNAL)
}

/** A text as the grpc-message trailer carries it: percent-encoded outside printable ASCII. */
export function messageText(text: string): string {
  return Buffer.from(text.slice(0, 1000)).reduce(
    (out, byte) => out + (byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : hex(byte)),
    '',
  )
}

function hex(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
