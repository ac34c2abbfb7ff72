/** Bodies that come compressed: which encodings are taken, and their bytes within a bound. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import type { InputType } from 'node:zlib'
import { problem } from '../../contract/errors.ts'

type Unpack = (bytes: InputType, options: { maxOutputLength: number }) => Promise<Buffer>

/** The ways in which each encoding is tried. All of them run beside the loop. */
const WAYS: Readonly<Record<string, readonly [Unpack, ...Unpack[]]>> = {
  gzip: [promisify(gunzip) as Unpack],
  'x-gzip': [promisify(gunzip) as Unpack],
  // some senders leave zlib's frame away
  deflate: [promisify(inflate) as Unpack, promisify(inflateRaw) as Unpack],
  zstd: [promisify(zstdDecompress) as Unpack],
  br: [promisify(brotliDecompress) as Unpack],
}

const EXPECTED = 'gzip, deflate, zstd or br, or a body as it is without this header'

/** The encoding that the header Content-Encoding names; undefined for a body as it is. Throws `unsupported_encoding`. */
export function encodingOf(header: string | undefined): string | undefined {
  const encoding = header?.trim().toLowerCase()
  if (encoding === undefined || encoding === 'identity' || encoding === '') return undefined
  if (Object.hasOwn(WAYS, encoding)) return encoding
  throw unsupported(encoding, EXPECTED)
}

/** Refuses an encoding where bytes are kept as they come. Throws `unsupported_encoding`. */
export function refuseEncoding(header: string | undefined): void {
  const encoding = header?.trim().toLowerCase() ?? ''
  if (encoding !== '' && encoding !== 'identity')
    throw unsupported(encoding, 'the bytes as they are without this header, for they are kept as they come')
}

function unsupported(encoding: string, expected: string): Error {
  return problem('unsupported_encoding', { value: encoding.slice(0, 50), expected })
}

/**
 * The bytes of a body that came in an encoding of `encodingOf`. Ends as soon as they are more than `limit`. Throws `payload_too_large`
 * for those, and `malformed_body`.
 */
export async function unpack(body: Buffer, encoding: string, limit: number): Promise<Buffer> {
  let first: unknown
  for (const way of WAYS[encoding] ?? []) {
    try {
      return await way(body, { maxOutputLength: limit })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        throw problem('payload_too_large', { limit })
      first ??= error
    }
  }
  throw problem('malformed_body', { expected: encoding, detail: (first as Error).message })
}
