/** A folder of blobs by digest, as an OCI image layout has it; each is whole and what its name says, or it is not there. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { DIGEST, digestOf, MOST_DOCUMENT } from './documents.ts'

/** What a blob has to be. */
export interface Expected {
  readonly digest: string
  readonly size: number
}

export class BlobFolder {
  /** The folder that holds `blobs`. */
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
  }

  /** Where a blob lies, or would. Throws `invalid_field` for what is no digest. */
  path(digest: string): string {
    if (!DIGEST.test(digest))
      throw problem('invalid_field', { field: 'digest', value: digest, expected: 'sha256: and 64 hexadecimal digits' })
    return join(this.dir, 'blobs/sha256', digest.slice('sha256:'.length))
  }

  /** Size of a blob; undefined when it is not there. */
  async size(digest: string): Promise<number | undefined> {
    return (await ifMissing(stat(this.path(digest))))?.size
  }

  async has({ digest, size }: Expected): Promise<boolean> {
    return (await this.size(digest)) === size
  }

  /** A document whole, checked against its digest. Throws `not_found`, and `unprocessable` when it is too large or another. */
  async bytes(digest: string): Promise<Buffer> {
    const size = await this.size(digest)
    if (size === undefined) throw problem('not_found', { what: 'blob', id: digest })
    if (size > MOST_DOCUMENT)
      throw problem('unprocessable', { detail: `${digest} has ${size} bytes and is no document` })
    const bytes = await readFile(this.path(digest))
    if (digestOf(bytes) !== digest) throw changed(digest, digestOf(bytes))
    return bytes
  }

  /** The bytes of a blob; whoever reads to the end is told when they are not what the digest says. */
  async *stream(digest: string): AsyncGenerator<Buffer> {
    const hash = createHash('sha256')
    if ((await this.size(digest)) === undefined) throw problem('not_found', { what: 'blob', id: digest })
    for await (const part of createReadStream(this.path(digest), {
      highWaterMark: 1024 * 1024,
    }) as AsyncIterable<Buffer>) {
      hash.update(part)
      yield part
    }
    const found = `sha256:${hash.digest('hex')}`
    if (found !== digest) throw changed(digest, found)
  }

  /** Keeps bytes; returns their digest. */
  async put(bytes: Buffer): Promise<string> {
    const digest = digestOf(bytes)
    if (await this.has({ digest, size: bytes.length })) return digest
    await this.#whole(digest, (file) => writeFile(file, bytes))
    return digest
  }

  /** Keeps what a stream gives. Throws `unprocessable` when it is not what was expected, and keeps nothing then. */
  async write(source: AsyncIterable<Uint8Array>, expected?: Expected): Promise<Expected> {
    const hash = createHash('sha256')
    let size = 0
    const fresh = join(this.dir, 'blobs/sha256', `.${randomUUID()}`)
    await mkdir(dirname(fresh), { recursive: true })
    const file = await open(fresh, 'wx')
    try {
      await pipeline(
        source,
        async function* (parts: AsyncIterable<Uint8Array>) {
          for await (const part of parts) {
            hash.update(part)
            size += part.length
            if (expected !== undefined && size > expected.size) throw tooLong(expected)
            yield part
          }
        },
        file.createWriteStream(),
      )
      const digest = `sha256:${hash.digest('hex')}`
      if (expected !== undefined && expected.digest !== digest) throw changed(expected.digest, digest)
      await rename(fresh, this.path(digest))
      return { digest, size }
    } finally {
      await rm(fresh, { force: true })
    }
  }

  /** Takes a blob over from another folder, as a second name of the same file where that works. */
  async adopt(from: BlobFolder, expected: Expected): Promise<void> {
    if (from.dir === this.dir || (await this.has(expected))) return
    if (!(await from.has(expected))) throw problem('not_found', { what: 'blob', id: expected.digest })
    await this.#whole(expected.digest, async (file) => {
      await link(from.path(expected.digest), file).catch(async (error: NodeJS.ErrnoException) => {
        if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(error.code ?? '')) throw error
        await copyFile(from.path(expected.digest), file)
      })
    })
  }

  async #whole(digest: string, make: (file: string) => Promise<void>): Promise<void> {
    const path = this.path(digest)
    const fresh = join(dirname(path), `.${randomUUID()}`)
    await mkdir(dirname(path), { recursive: true })
    try {
      await make(fresh)
      await rename(fresh, path)
    } finally {
      await rm(fresh, { force: true })
    }
  }
}

function changed(wanted: string, found: string): Error {
  return problem('unprocessable', { detail: `a blob is not what its digest says: expected ${wanted}, got ${found}` })
}

function tooLong({ digest, size }: Expected): Error {
  return problem('unprocessable', { detail: `${digest} has more than the ${size} bytes that were said` })
}
