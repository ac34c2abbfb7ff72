/** Holds bytes against what is known of them. */
import { createHash } from 'node:crypto'
import { Transform, type Readable, type TransformCallback } from 'node:stream'
import { problem } from '../../contract/errors.ts'
import type { BlobInfo, ByteRange, Digest, Expected } from './blobs.ts'

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** The 64 hex digits of a digest. Throws `invalid_field` for what is none. */
export function hexOf(digest: Digest): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw problem('invalid_field', { field: 'digest', value: digest, expected: 'sha256: and 64 hex digits' })
  }
  return digest.slice(7)
}

/** Throws `unprocessable` when the bytes are not what the caller said they were. */
export function refuseDifferent(info: BlobInfo, expected: Expected): void {
  if (expected.size !== undefined && expected.size !== info.size) {
    throw problem('unprocessable', { detail: `size: got ${info.size} bytes, expected ${expected.size}` })
  }
  if (expected.digest !== undefined && expected.digest !== info.digest) {
    throw problem('unprocessable', { detail: `digest: got ${info.digest}, expected ${expected.digest}` })
  }
}

/** True for a range that lies inside `size` bytes. */
export function isWithin(range: ByteRange, size: number): boolean {
  const { start, end } = range
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start && end < size
}

/** The problem of a range that reaches outside of a blob. */
export function outside(range: ByteRange, size: number): Error {
  const value = `${range.start}-${range.end}`
  return problem('invalid_field', { field: 'range', value, expected: `bytes within 0-${size - 1}` })
}

/**
 * The bytes of `source`, held against their digest on the way. Destroying either ends both, without an error of its own; an
 * error that nobody listens for ends the stream and not the process.
 */
export function verified(source: Readable, digest: Digest): Readable {
  const verify = new Verify(digest)
  source.once('error', (error) => verify.destroy(error))
  source.once('close', () => {
    if (!source.readableEnded && !verify.destroyed) verify.destroy(new Error('the bytes broke off'))
  })
  verify.once('close', () => source.destroy())
  source.pipe(verify)
  return abandonable(verify)
}

/** A stream that may be left alone at any moment: whoever reads it sees its error, and unread the error is nobody's. */
export function abandonable(stream: Readable): Readable {
  return stream.on('error', () => undefined)
}

/** Passes bytes on, one chunk late, so that the last chunk of bytes that do not match their digest is never passed on. */
class Verify extends Transform {
  readonly #digest: Digest
  readonly #hash = createHash('sha256')
  #held: Buffer | undefined

  constructor(digest: Digest) {
    super()
    this.#digest = digest
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk)
    if (this.#held !== undefined) this.push(this.#held)
    this.#held = chunk
    done()
  }

  override _flush(done: TransformCallback): void {
    if (`sha256:${this.#hash.digest('hex')}` !== this.#digest) done(problem('corrupt_blob', { digest: this.#digest }))
    else done(null, this.#held)
  }
}
