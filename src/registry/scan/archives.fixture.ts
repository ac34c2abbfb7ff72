/** Archives byte by byte, sound and with the lies that are asked for. */
import { crc32, deflateRawSync } from 'node:zlib'

/** A member of a zip archive; all but the first two say otherwise than a sound one would. */
export interface Member {
  readonly name: string
  readonly content: Uint8Array
  readonly localName?: string
  readonly crc?: number
  readonly flags?: number
  /** How the header says that it is packed, 8 when not given; it always is deflated. */
  readonly method?: number
  readonly localMethod?: number
  /** How long the directory says that it is when it is unpacked. */
  readonly size?: number
}

/** What the end of a zip archive says; what is true where it is not given. */
export interface End {
  readonly count?: number
  readonly start?: number
  readonly size?: number
  /** Bytes between the directory and its end. */
  readonly between?: Uint8Array
  readonly comment?: string
  /** With the wide end record too, as torch writes it: `wide` replaces what it says. */
  readonly wide?: { readonly count?: number; readonly start?: number; readonly size?: number; readonly at?: number }
}

/** Little-endian numbers of 2, 4 or 8 bytes. */
function numbers(...given: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  return Buffer.concat(
    given.map(([bytes, value]) => {
      const one = Buffer.alloc(8)
      one.writeBigUInt64LE(BigInt(value))
      return one.subarray(0, bytes)
    }),
  )
}

/** A zip archive. */
export function zip(members: readonly Member[], end: End = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, content, localName = name, ...lies } of members) {
    const packed = deflateRawSync(content)
    const { crc = crc32(content), flags = 0, method = 8, localMethod = method, size = content.length } = lies
    const fields = (packing: number): Buffer =>
      numbers([2, 20], [2, flags], [2, packing], [4, 0], [4, crc], [4, packed.length], [4, size])
    const lengths = (text: string): Buffer => numbers([2, Buffer.byteLength(text)], [2, 0])
    const local = [numbers([4, 0x04034b50]), fields(localMethod), lengths(localName), Buffer.from(localName), packed]
    const central = [
      numbers([4, 0x02014b50], [2, 20]),
      fields(method),
      lengths(name),
      Buffer.alloc(10),
      numbers([4, at]),
    ]
    directory.push(Buffer.concat([...central, Buffer.from(name)]))
    parts.push(Buffer.concat(local))
    at += parts.at(-1)?.length ?? 0
  }
  const central = Buffer.concat(directory)
  const said = { count: members.length, start: at, size: central.length }
  const between = Buffer.from(end.between ?? [])
  const before = Buffer.concat([...parts, central, between])
  return Buffer.concat([
    before,
    ...(end.wide ? [wideEnd({ at: before.length, ...said, ...end.wide })] : []),
    endRecord({ ...said, ...end }),
  ])
}

function endRecord({
  count,
  start,
  size,
  comment = '',
}: Required<Pick<End, 'count' | 'start' | 'size'>> & End): Buffer {
  const text = Buffer.from(comment)
  return Buffer.concat([
    numbers([4, 0x06054b50], [4, 0], [2, count], [2, count], [4, size], [4, start], [2, text.length]),
    text,
  ])
}

function wideEnd({ at, count, start, size }: Required<NonNullable<End['wide']>>): Buffer {
  return Buffer.concat([
    numbers([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, start]),
    numbers([4, 0x07064b50], [4, 0], [8, at], [4, 1]),
  ])
}

/** A member of a tar archive, its content padded to whole blocks. */
export function tarMember(
  name: string,
  content: Uint8Array | string,
  { type = '0', prefix = '', size }: { readonly type?: string; readonly prefix?: string; readonly size?: string } = {},
): Buffer {
  const body = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write(size ?? `${body.length.toString(8).padStart(11, '0')}\0`, 124, 12, 'latin1')
  header.write(type, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(prefix, 345, 'latin1')
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** The end of a tar archive. */
export const TAR_END: Buffer = Buffer.alloc(1024)
